#ifndef SALLYPORT_SUPERVISOR_JAVA_FILES_H_
#define SALLYPORT_SUPERVISOR_JAVA_FILES_H_

#include <cstdint>
#include <string>
#include <utility>

#include "absl/status/statusor.h"

namespace sallyport::supervisor {

// Java reads neither proxy variables nor PEM. It gets, beside the CA bundle, `truststore.p12` with
// the bundle's certificates and `java.options` with the system properties that name it and the
// proxy.
class JavaFiles {
 public:
  enum class Lifetime { kKeep, kRemoveAtEnd };

  // Makes both from `ca_bundle_file`, in its folder. Errors name the file.
  static absl::StatusOr<JavaFiles> Write(const std::string& ca_bundle_file,
                                         const std::string& proxy_host, uint16_t proxy_port,
                                         Lifetime lifetime);
  JavaFiles(JavaFiles&& other) noexcept;
  JavaFiles& operator=(JavaFiles&&) = delete;
  ~JavaFiles();

  // For JAVA_TOOL_OPTIONS: every option written out, which any Java since 8 understands. Options
  // are separated by spaces.
  const std::string& inline_options() const { return inline_options_; }
  // The same by reference to `java.options`: one word without spaces, for Java 9 and later.
  std::string options_by_file() const;
  // Path of the store.
  const std::string& trust_store() const { return trust_store_; }
  // Path of `java.options`.
  std::string options_file() const;

 private:
  JavaFiles(std::string folder, Lifetime lifetime);

  std::string folder_;
  Lifetime lifetime_;
  std::string inline_options_;
  std::string trust_store_;
};

}  // namespace sallyport::supervisor

#endif  // SALLYPORT_SUPERVISOR_JAVA_FILES_H_
