#ifndef SALLYPORT_CLI_SCHEMA_COMMAND_H_
#define SALLYPORT_CLI_SCHEMA_COMMAND_H_

#include <CLI/CLI.hpp>
#include <functional>

namespace sallyport::cli {

// Adds `sallyport schema proxy-config|policy|provider-type`, which prints a JSON Schema. When the
// command line asks for it, `*action` becomes what shall run; it returns the exit status.
void AddSchemaCommand(CLI::App& app, std::function<int()>* action);

}  // namespace sallyport::cli

#endif  // SALLYPORT_CLI_SCHEMA_COMMAND_H_
