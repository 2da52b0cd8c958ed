#ifndef SALLYPORT_GATEWAY_CLIENT_POLICY_FILE_H_
#define SALLYPORT_GATEWAY_CLIENT_POLICY_FILE_H_

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "base/followed_files.h"
#include "gateway-client/file_watch.h"
#include "gateway-client/policy_source.h"

namespace sallyport::sources {

// A policy.yaml on disk, followed as it changes. It must be one that nobody else can write to
// (base/trusted_file.h).
// A policy in a file of its own, which is followed as far as `files` admits.
class PolicyFile final : public PolicySource {
 public:
  PolicyFile(std::string path, std::shared_ptr<FollowedFiles> files)
      : path_(std::move(path)), files_(std::move(files)) {}

  const std::string& name() const override { return path_; }
  absl::StatusOr<std::shared_ptr<const rules::Policy>> Fetch() override;
  int fd() const override { return watch_.fd(); }
  bool TakeChange() override;

 private:
  const std::string path_;
  const std::shared_ptr<FollowedFiles> files_;
  FileWatch watch_;
  // What Fetch read last, and what it was; null: nothing that could be used.
  std::optional<std::string> text_;
  std::shared_ptr<const rules::Policy> policy_;
};

}  // namespace sallyport::sources

#endif  // SALLYPORT_GATEWAY_CLIENT_POLICY_FILE_H_
