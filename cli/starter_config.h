#ifndef SALLYPORT_CLI_STARTER_CONFIG_H_
#define SALLYPORT_CLI_STARTER_CONFIG_H_

#include <memory>
#include <string>
#include <vector>

#include "rules/provider_types.h"

namespace sallyport::cli {

// A proxy-config.json, with comments, that does for every program what attaching these providers
// does for one.
std::string StarterConfig(const std::vector<std::shared_ptr<const rules::ProviderType>>& types);

}  // namespace sallyport::cli

#endif  // SALLYPORT_CLI_STARTER_CONFIG_H_
