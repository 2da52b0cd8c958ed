// EC_KEY is deprecated in OpenSSL 3, yet a key made through it is what makes minting cheap:
// X509_set_pubkey() encodes such a key directly (about 1 µs) where it sends a provider's key
// through OSSL_ENCODER (about 100 µs). BoringSSL has no other interface.
#define OPENSSL_SUPPRESS_DEPRECATED

#include "ca/private_key.h"

#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/pem.h>

#include <mutex>

namespace sallyport::ca {
namespace {

using EcKeyPtr = OpenSslPtr<EC_KEY, EC_KEY_free>;

void ReserveKeyMemory() {
#ifndef SALLYPORT_TLS_BORINGSSL
  // OpenSSL also keeps every handshake's ephemeral key here, 32 bytes each for the life of its
  // connection, and fails the handshake when the heap is full: 4 MiB hold 131,072 of them, six
  // times what the connection limit allows on both sides. Pages are locked as they are touched, so
  // this costs little memory, and stays under the usual RLIMIT_MEMLOCK of 8 MiB. Best effort:
  // without the heap, keys live in ordinary memory and are still wiped.
  static std::once_flag once;
  std::call_once(once, [] { (void)CRYPTO_secure_malloc_init(size_t{4} << 20, 32); });
#endif
}

int RefusePassphrase(char*, int, int, void*) { return -1; }

absl::StatusOr<EvpPkeyPtr> WrapEcKey(const EcKeyPtr& ec_key) {
  EvpPkeyPtr key(EVP_PKEY_new());
  if (!key || EVP_PKEY_set1_EC_KEY(key.get(), ec_key.get()) != 1) {
    return OpenSslStatus("cannot hold an ECDSA P-256 key");
  }
  return key;
}

}  // namespace

absl::StatusOr<EvpPkeyPtr> GenerateP256Key() {
  ReserveKeyMemory();
  EcKeyPtr ec_key(EC_KEY_new_by_curve_name(NID_X9_62_prime256v1));
  if (!ec_key || EC_KEY_generate_key(ec_key.get()) != 1) {
    return OpenSslStatus("cannot make an ECDSA P-256 key");
  }
  return WrapEcKey(ec_key);
}

absl::StatusOr<SecretString> PrivateKeyToPem(const EVP_PKEY* key) {
  // A memory BIO wipes its buffer whenever it grows or is freed.
  BioPtr bio(BIO_new(BIO_s_mem()));
  // BoringSSL's signature lacks the const that OpenSSL's has; neither writes to the key.
  if (!bio || PEM_write_bio_PKCS8PrivateKey(bio.get(), const_cast<EVP_PKEY*>(key), nullptr, nullptr,
                                            0, nullptr, nullptr) != 1) {
    return OpenSslStatus("cannot encode the private key");
  }
  char* bytes = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &bytes);
  return SecretString(std::string_view(bytes, static_cast<size_t>(size)));
}

absl::StatusOr<EvpPkeyPtr> P256KeyFromPem(const SecretString& pem) {
  ReserveKeyMemory();
  BioPtr bio(BIO_new_mem_buf(pem.Reveal().data(), static_cast<int>(pem.size())));
  if (!bio) return OpenSslStatus("cannot read the private key");
  EvpPkeyPtr parsed(PEM_read_bio_PrivateKey(bio.get(), nullptr, RefusePassphrase, nullptr));
  if (!parsed) return OpenSslStatus("not an unencrypted PEM private key");
  if (EVP_PKEY_base_id(parsed.get()) != EVP_PKEY_EC) {
    return absl::InvalidArgumentError("the private key is not ECDSA P-256");
  }
  EcKeyPtr ec_key(EVP_PKEY_get1_EC_KEY(parsed.get()));
  if (!ec_key) return OpenSslStatus("cannot read the private key");
  if (EC_GROUP_get_curve_name(EC_KEY_get0_group(ec_key.get())) != NID_X9_62_prime256v1) {
    return absl::InvalidArgumentError("the private key is not ECDSA P-256");
  }
  return WrapEcKey(ec_key);
}

}  // namespace sallyport::ca
