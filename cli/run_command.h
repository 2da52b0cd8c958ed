#ifndef SALLYPORT_CLI_RUN_COMMAND_H_
#define SALLYPORT_CLI_RUN_COMMAND_H_

#include <CLI/CLI.hpp>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace sallyport::cli {

// `sallyport run`: a command behind the proxy. `arguments` are what stood after "--" on the command
// line; nothing when there was no "--". They never pass through CLI11, which would give some of
// them ("[a,b]", a second "--") a meaning. Sets `*action` as AddProxyCommand does.
void AddRunCommand(CLI::App& app, std::optional<std::vector<std::string>> arguments,
                   std::function<int()>* action);

}  // namespace sallyport::cli

#endif  // SALLYPORT_CLI_RUN_COMMAND_H_
