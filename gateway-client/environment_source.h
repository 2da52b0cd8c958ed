#ifndef SALLYPORT_GATEWAY_CLIENT_ENVIRONMENT_SOURCE_H_
#define SALLYPORT_GATEWAY_CLIENT_ENVIRONMENT_SOURCE_H_

#include <string>
#include <vector>

#include "base/secret.h"
#include "gateway-client/source.h"

namespace sallyport::sources {

// An environment variable, taken once.
class EnvironmentSource final : public Source {
 public:
  explicit EnvironmentSource(std::string name) : name_(std::move(name)) {}
  void Advance(SteadyTime now) override;

 private:
  const std::string name_;
};

// The variable's value, empty if it is not set. Its name and value are overwritten where they lie,
// so that neither getenv(3) nor /proc/PID/environ shows them again. No pointer of environ moves: a
// getenv in another thread at the same time stays sound.
SecretString TakeEnvironmentVariable(const std::string& name);

// "NAME=VALUE" of every variable that has not been taken.
std::vector<std::string> RemainingEnvironment();

}  // namespace sallyport::sources

#endif  // SALLYPORT_GATEWAY_CLIENT_ENVIRONMENT_SOURCE_H_
