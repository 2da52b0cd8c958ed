#include "ca/pem.h"

#include <string>

#include "absl/strings/escaping.h"

namespace sallyport::ca {

void ForEachCertificate(std::string_view pem, absl::FunctionRef<void(std::string_view der)> take) {
  constexpr std::string_view kBegin = "-----BEGIN CERTIFICATE-----";
  constexpr std::string_view kEnd = "-----END CERTIFICATE-----";
  std::string der;
  while (true) {
    const size_t begin = pem.find(kBegin);
    if (begin == pem.npos) return;
    pem.remove_prefix(begin + kBegin.size());
    const size_t size = pem.find("-----");
    if (size == pem.npos) return;
    const std::string_view base64 = pem.substr(0, size);
    pem.remove_prefix(size);
    if (!pem.starts_with(kEnd)) continue;
    if (absl::Base64Unescape({base64.data(), base64.size()}, &der) && !der.empty()) take(der);
  }
}

}  // namespace sallyport::ca
