#ifndef SALLYPORT_CLI_EXPLAIN_COMMAND_H_
#define SALLYPORT_CLI_EXPLAIN_COMMAND_H_

#include <CLI/CLI.hpp>
#include <functional>

namespace sallyport::cli {

// Adds `sallyport explain [options] URL`, which says what would happen to a request without making
// it. When the command line asks for it, `*action` becomes what shall run; it returns the exit
// status.
void AddExplainCommand(CLI::App& app, std::function<int()>* action);

}  // namespace sallyport::cli

#endif  // SALLYPORT_CLI_EXPLAIN_COMMAND_H_
