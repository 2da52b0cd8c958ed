#ifndef SALLYPORT_CLI_PROVIDER_CHOICE_H_
#define SALLYPORT_CLI_PROVIDER_CHOICE_H_

#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "rules/provider_types.h"

namespace sallyport::cli {

// Where an operator's own provider types are looked for when no folder was named.
inline constexpr const char* kProviderTypeFolder = "/etc/sallyport/providers";

// The proxy-config.json where attached providers are all there is: the rest is denied.
inline constexpr const char* kProvidersAlone = R"({"policy": {"default": "deny"}})";

// The provider types compiled in, and those of `folder`: --provider-types; empty: of
// kProviderTypeFolder, if it is there.
absl::StatusOr<std::shared_ptr<const rules::ProviderTypes>> FindProviderTypes(
    const std::string& folder);

// The option --provider-types.
void AddProviderTypes(CLI::App& app, std::string* folder);

// Whether a --provider option is one, whatever types there are.
absl::Status CheckProviderOption(const std::string& option);

// The types, and the providers that the --provider options attach. Errors name the option.
absl::StatusOr<rules::Providers> ChooseProviders(const std::string& folder,
                                                 const std::vector<std::string>& options);

}  // namespace sallyport::cli

#endif  // SALLYPORT_CLI_PROVIDER_CHOICE_H_
