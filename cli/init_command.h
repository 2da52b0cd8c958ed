#ifndef SALLYPORT_CLI_INIT_COMMAND_H_
#define SALLYPORT_CLI_INIT_COMMAND_H_

#include <CLI/CLI.hpp>
#include <functional>

namespace sallyport::cli {

// Adds `sallyport init`, which writes a first proxy-config.json: a rule for each provider type
// whose variables are set, their hosts allowed, the rest denied. Never over one that is there. Sets
// `*action` as AddProxyCommand does.
void AddInitCommand(CLI::App& app, std::function<int()>* action);

}  // namespace sallyport::cli

#endif  // SALLYPORT_CLI_INIT_COMMAND_H_
