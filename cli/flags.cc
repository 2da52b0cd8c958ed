#include "cli/flags.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstdlib>
#include <string_view>

namespace sallyport::cli {
namespace {

std::string VariableName(const std::string& name) {
  std::string variable = "SALLYPORT_";
  for (char c : name) {
    variable.push_back(c == '-' ? '_' : (c >= 'a' && c <= 'z') ? static_cast<char>(c - 32) : c);
  }
  return variable;
}

std::vector<std::string> SplitAtCommas(std::string_view text) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const size_t end = std::min(text.find(','), text.size());
    if (end > 0) parts.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

}  // namespace

CLI::Option* AddValue(CLI::App& app, const std::string& name, const std::string& argument,
                      const std::string& description, std::string* value) {
  return app.add_option("--" + name, *value, description)
      ->type_name(argument)
      ->envname(VariableName(name))
      ->take_last();
}

CLI::Option* AddList(CLI::App& app, const std::string& name, const std::string& argument,
                     const std::string& description, std::vector<std::string>* values) {
  const std::string variable = VariableName(name);
  // Not CLI11's envname: it takes the variable for one value. What the command line gives replaces
  // the list.
  if (const char* text = std::getenv(variable.c_str()); text != nullptr) {
    *values = SplitAtCommas(text);
  }
  return app
      .add_option("--" + name, *values,
                  fmt::format("{}; repeatable (Env:{})", description, variable))
      ->type_name(argument)
      ->allow_extra_args(false);
}

CLI::Option* AddSwitch(CLI::App& app, const std::string& name, const std::string& description,
                       bool* value) {
  return app.add_flag("--" + name, *value, description)->envname(VariableName(name));
}

}  // namespace sallyport::cli
