#include "ca/ticket_keys.h"

#include <openssl/rand.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <utility>

#ifdef SALLYPORT_TLS_BORINGSSL
#include <openssl/hmac.h>
#else
#include <openssl/core_names.h>
#include <openssl/params.h>
#endif

namespace sallyport::ca {
namespace {

constexpr size_t kCipherKeySize = 32;
constexpr size_t kMacKeySize = 32;

// What the library's callback returns.
constexpr int kError = -1;
constexpr int kUnknownTicket = 0;
constexpr int kAccepted = 1;
constexpr int kAcceptedRenew = 2;

void FillRandom(void* bytes, size_t size) {
  // Neither library returns without randomness on Linux; a guessable key must never be used.
  if (RAND_bytes(static_cast<unsigned char*>(bytes), static_cast<int>(size)) != 1) std::abort();
}

std::shared_ptr<const TicketKeys::Key> MakeKey(SteadyTime now) {
  auto key = std::make_shared<TicketKeys::Key>();
  FillRandom(key->name.data(), key->name.size());
  key->cipher_key = SecretString::OfSize(kCipherKeySize);
  FillRandom(key->cipher_key.mutable_bytes(), kCipherKeySize);
  key->mac_key = SecretString::OfSize(kMacKeySize);
  FillRandom(key->mac_key.mutable_bytes(), kMacKeySize);
  key->made = now;
  return key;
}

const unsigned char* Bytes(const SecretString& secret) {
  return reinterpret_cast<const unsigned char*>(secret.Reveal().data());
}

// Where a context keeps its TicketKeys.
int ContextIndex() {
  static const int index = SSL_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}

#ifdef SALLYPORT_TLS_BORINGSSL
using MacContext = HMAC_CTX;

const EVP_CIPHER* TicketCipher() { return EVP_aes_256_cbc(); }

bool SetMacKey(MacContext* mac, const SecretString& key) {
  return HMAC_Init_ex(mac, key.Reveal().data(), key.size(), EVP_sha256(), nullptr) == 1;
}
#else
using MacContext = EVP_MAC_CTX;

const EVP_CIPHER* TicketCipher() {
  // Looked up among the providers once, not for each ticket.
  static const EVP_CIPHER* const cipher = EVP_CIPHER_fetch(nullptr, "AES-256-CBC", nullptr);
  return cipher;
}

bool SetMacKey(MacContext* mac, const SecretString& key) {
  char digest[] = "SHA256";
  const OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, const_cast<unsigned char*>(Bytes(key)),
                                        key.size()),
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, sizeof(digest) - 1),
      OSSL_PARAM_construct_end(),
  };
  return EVP_MAC_CTX_set_params(mac, parameters) == 1;
}
#endif

int Seal(TicketKeys* keys, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher,
         MacContext* mac) {
  const std::shared_ptr<const TicketKeys::Key> key = keys->Current();
  std::memcpy(name, key->name.data(), key->name.size());
  FillRandom(iv, static_cast<size_t>(EVP_CIPHER_iv_length(TicketCipher())));
  if (EVP_EncryptInit_ex(cipher, TicketCipher(), nullptr, Bytes(key->cipher_key), iv) != 1 ||
      !SetMacKey(mac, key->mac_key)) {
    return kError;
  }
  return kAccepted;
}

int Open(const SSL* ssl, TicketKeys* keys, const unsigned char* name, const unsigned char* iv,
         EVP_CIPHER_CTX* cipher, MacContext* mac) {
  const TicketKeys::Found found =
      keys->Find(std::span<const uint8_t, TicketKeys::kNameSize>(name, TicketKeys::kNameSize));
  if (found.key == nullptr) return kUnknownTicket;
  if (!SetMacKey(mac, found.key->mac_key) ||
      EVP_DecryptInit_ex(cipher, TicketCipher(), nullptr, Bytes(found.key->cipher_key), iv) != 1) {
    return kError;
  }
  // TLS 1.3 clients use a ticket once (RFC 8446, appendix C.4) and need the next one for the next
  // time; OpenSSL sends it only when told.
  return found.renew || SSL_version(ssl) == TLS1_3_VERSION ? kAcceptedRenew : kAccepted;
}

int OnTicket(SSL* ssl, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher,
             MacContext* mac, int sealing) {
  auto* keys = static_cast<TicketKeys*>(SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), ContextIndex()));
  return sealing == 1 ? Seal(keys, name, iv, cipher, mac) : Open(ssl, keys, name, iv, cipher, mac);
}

}  // namespace

TicketKeys::TicketKeys(Clock clock) : clock_(std::move(clock)), current_(MakeKey(clock_())) {}

std::shared_ptr<const TicketKeys::Key> TicketKeys::Current() {
  absl::MutexLock lock(&mutex_);
  RotateIfDue();
  return current_;
}

TicketKeys::Found TicketKeys::Find(std::span<const uint8_t, kNameSize> name) {
  const auto has_name = [name](const std::shared_ptr<const Key>& key) {
    return key != nullptr && std::equal(name.begin(), name.end(), key->name.begin());
  };
  absl::MutexLock lock(&mutex_);
  RotateIfDue();
  if (has_name(current_)) return {current_, false};
  if (has_name(previous_)) return {previous_, true};
  return {};
}

void TicketKeys::RotateIfDue() {
  const SteadyTime now = clock_();
  const SteadyTime::duration age = now - current_->made;
  if (age < kRotation) return;
  // After a long silence the current key, too, has outlived its use.
  previous_ = age < 2 * kRotation ? std::move(current_) : nullptr;
  current_ = MakeKey(now);
}

absl::Status InstallTicketKeys(SSL_CTX* context, TicketKeys* keys) {
  if (SSL_CTX_set_ex_data(context, ContextIndex(), keys) != 1) {
    return OpenSslStatus("cannot give a TLS context its ticket keys");
  }
#ifdef SALLYPORT_TLS_BORINGSSL
  const int installed = SSL_CTX_set_tlsext_ticket_key_cb(context, OnTicket);
#else
  if (TicketCipher() == nullptr) return OpenSslStatus("AES-256-CBC is not available");
  const int installed = SSL_CTX_set_tlsext_ticket_key_evp_cb(context, OnTicket);
#endif
  if (installed != 1) return OpenSslStatus("cannot give a TLS context its ticket keys");
  return absl::OkStatus();
}

}  // namespace sallyport::ca
