#ifndef SALLYPORT_CLI_CHECK_COMMAND_H_
#define SALLYPORT_CLI_CHECK_COMMAND_H_

#include <CLI/CLI.hpp>
#include <functional>

namespace sallyport::cli {

// Adds `sallyport check [FILE…]`, which prints every problem of every file. When the command line
// asks for it, `*action` becomes what shall run; it returns the exit status.
void AddCheckCommand(CLI::App& app, std::function<int()>* action);

}  // namespace sallyport::cli

#endif  // SALLYPORT_CLI_CHECK_COMMAND_H_
