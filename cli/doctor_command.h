#ifndef SALLYPORT_CLI_DOCTOR_COMMAND_H_
#define SALLYPORT_CLI_DOCTOR_COMMAND_H_

#include <CLI/CLI.hpp>
#include <functional>

namespace sallyport::cli {

// Adds `sallyport doctor`: what this machine offers to confine a command with, which isolation
// `run` would therefore use, and what to do about what is missing. Its exit status is 1 where only
// --isolation none is left. Sets `*action` as AddProxyCommand does.
void AddDoctorCommand(CLI::App& app, std::function<int()>* action);

}  // namespace sallyport::cli

#endif  // SALLYPORT_CLI_DOCTOR_COMMAND_H_
