#ifndef SALLYPORT_CLI_USAGE_ERROR_H_
#define SALLYPORT_CLI_USAGE_ERROR_H_

#include <CLI/CLI.hpp>
#include <string>
#include <string_view>

namespace sallyport::cli {

inline constexpr int kExitUsage = 2;

// Says on one line what is wrong with the command line, and where help is. Returns kExitUsage.
int ReportUsageError(std::string_view command, std::string_view message);

// What to say of a command line that CLI11 refused; suggests the option or command that was
// probably meant.
std::string DescribeParseError(const CLI::App& app, const CLI::ParseError& error);

}  // namespace sallyport::cli

#endif  // SALLYPORT_CLI_USAGE_ERROR_H_
