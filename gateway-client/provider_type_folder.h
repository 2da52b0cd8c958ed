#ifndef SALLYPORT_GATEWAY_CLIENT_PROVIDER_TYPE_FOLDER_H_
#define SALLYPORT_GATEWAY_CLIENT_PROVIDER_TYPE_FOLDER_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "rules/provider_types.h"

namespace sallyport::sources {

// The provider types compiled in, and those in the *.yaml files of `folder`, which say where
// secrets go and so must be files that nobody else can write to (base/trusted_file.h). An error
// lists every problem of every file, a line each.
absl::StatusOr<std::shared_ptr<const rules::ProviderTypes>> ReadProviderTypes(
    const std::string& folder);

}  // namespace sallyport::sources

#endif  // SALLYPORT_GATEWAY_CLIENT_PROVIDER_TYPE_FOLDER_H_
