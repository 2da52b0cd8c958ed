#ifndef SALLYPORT_CLI_PROXY_COMMAND_H_
#define SALLYPORT_CLI_PROXY_COMMAND_H_

#include <CLI/CLI.hpp>
#include <functional>

namespace sallyport::cli {

// `sallyport proxy`: the proxy alone. Sets `*action` when it is the command given; `action` must
// outlive the parsing.
void AddProxyCommand(CLI::App& app, std::function<int()>* action);

}  // namespace sallyport::cli

#endif  // SALLYPORT_CLI_PROXY_COMMAND_H_
