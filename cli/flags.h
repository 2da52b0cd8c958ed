#ifndef SALLYPORT_CLI_FLAGS_H_
#define SALLYPORT_CLI_FLAGS_H_

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace sallyport::cli {

// Options that are settable in the environment too, as SALLYPORT_ and the option's name in upper
// case with '_' for '-'; what the command line says wins. `name` is without its dashes, `argument`
// what --help calls the value.

// The last one given counts.
CLI::Option* AddValue(CLI::App& app, const std::string& name, const std::string& argument,
                      const std::string& description, std::string* value);

// May be given several times; in the environment, separated by commas.
CLI::Option* AddList(CLI::App& app, const std::string& name, const std::string& argument,
                     const std::string& description, std::vector<std::string>* values);

// "1", "true", "yes" or "on" in the environment.
CLI::Option* AddSwitch(CLI::App& app, const std::string& name, const std::string& description,
                       bool* value);

}  // namespace sallyport::cli

#endif  // SALLYPORT_CLI_FLAGS_H_
