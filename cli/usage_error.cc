#include "cli/usage_error.h"

#include <fmt/core.h>

#include <algorithm>
#include <vector>

#include "rules/suggestion.h"
#include "supervisor/diagnostics.h"

namespace sallyport::cli {
namespace {

std::string OneLine(std::string text) {
  std::replace(text.begin(), text.end(), '\n', ' ');
  while (text.ends_with(' ')) text.pop_back();
  return text;
}

// "; did you mean 'X'?", or nothing.
std::string DidYouMean(std::string_view word, const std::vector<std::string>& candidates) {
  const std::vector<std::string_view> views(candidates.begin(), candidates.end());
  const std::string_view nearest = rules::Nearest(word, views);
  return nearest.empty() ? "" : fmt::format("; did you mean '{}'?", nearest);
}

std::vector<std::string> CommandNames(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* command : app.get_subcommands({})) names.push_back(command->get_name());
  return names;
}

std::vector<std::string> OptionNames(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options()) {
    if (!option->get_lnames().empty()) names.push_back("--" + option->get_lnames()[0]);
  }
  return names;
}

std::string Join(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

}  // namespace

int ReportUsageError(std::string_view command, std::string_view message) {
  supervisor::PrintFailure(
      fmt::format("{} ('{} --help' lists the options)", OneLine(std::string(message)), command));
  return kExitUsage;
}

std::string DescribeParseError(const CLI::App& app, const CLI::ParseError& error) {
  const std::vector<CLI::App*> given = app.get_subcommands();
  const CLI::App& command = given.empty() ? app : *given.front();
  const std::vector<std::string> extras = app.remaining(true);
  if (extras.empty()) {
    if (!given.empty()) return OneLine(error.what());
    return fmt::format("no command given; there are {}", Join(CommandNames(app)));
  }
  // "--name=value" is about the name.
  const std::string extra = extras[0].substr(0, extras[0].find('='));
  if (extra.starts_with("-")) {
    return fmt::format("unknown option '{}'{}", extra, DidYouMean(extra, OptionNames(command)));
  }
  if (given.empty()) {
    const std::string hint = DidYouMean(extra, CommandNames(app));
    return fmt::format("unknown command '{}'{}", extra,
                       hint.empty() ? "; there are " + Join(CommandNames(app)) : hint);
  }
  if (command.get_name() == "run") {
    return fmt::format(
        "unexpected argument '{0}'; the command to run goes after --, as in: "
        "sallyport run --isolation none -- {0}",
        extra);
  }
  return fmt::format("unexpected argument '{}'", extra);
}

}  // namespace sallyport::cli
