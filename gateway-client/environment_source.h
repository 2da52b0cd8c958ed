#ifndef SALLYPORT_GATEWAY_CLIENT_ENVIRONMENT_SOURCE_H_
#define SALLYPORT_GATEWAY_CLIENT_ENVIRONMENT_SOURCE_H_

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/secret.h"
#include "gateway-client/source.h"

namespace sallyport::sources {

// Variables of this process's environment, each taken when it is first asked for. One thread.
class TakenEnvironment {
 public:
  // Empty if it was not set. Good while this lives.
  const SecretString& Take(const std::string& name);

 private:
  std::map<std::string, SecretString> taken_;
};

// The first of some environment variables that is set. All of them are taken.
class EnvironmentSource final : public Source {
 public:
  // `what` names the source in messages; `environment` outlives this.
  EnvironmentSource(std::string what, std::vector<std::string> variables,
                    TakenEnvironment* environment)
      : what_(std::move(what)), variables_(std::move(variables)), environment_(environment) {}
  void Advance(SteadyTime now) override;

 private:
  const std::string what_;
  const std::vector<std::string> variables_;
  TakenEnvironment* const environment_;
};

// The variable's value, empty if it is not set. Its name and value are overwritten where they lie,
// so that neither getenv(3) nor /proc/PID/environ shows them again. No pointer of environ moves: a
// getenv in another thread at the same time stays sound.
SecretString TakeEnvironmentVariable(const std::string& name);

// "NAME=VALUE" of every variable that has not been taken.
std::vector<std::string> RemainingEnvironment();

}  // namespace sallyport::sources

#endif  // SALLYPORT_GATEWAY_CLIENT_ENVIRONMENT_SOURCE_H_
