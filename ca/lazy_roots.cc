#include "ca/lazy_roots.h"

#include <openssl/asn1.h>
#include <openssl/err.h>

#include <memory>
#include <string_view>
#include <utility>

#include "absl/base/call_once.h"
#include "absl/container/flat_hash_map.h"
#include "absl/container/inlined_vector.h"
#include "ca/pem.h"

namespace sallyport::ca {
namespace {

void AddRoot(std::string_view der, X509_STORE* store) {
  const auto* bytes = reinterpret_cast<const unsigned char*>(der.data());
  const X509Ptr certificate(d2i_X509(nullptr, &bytes, static_cast<long>(der.size())));
  if (certificate) AddTrustAnchor(certificate.get(), store);
}

#ifndef OPENSSL_IS_BORINGSSL

// Takes the head of the DER element (X.690 §8.1) off `der`, which is its contents and what follows
// then; returns the contents' size, negative for what is malformed.
long EnterElement(std::string_view* der) {
  const auto* at = reinterpret_cast<const unsigned char*>(der->data());
  const unsigned char* const begin = at;
  long size = 0;
  int tag = 0;
  int tag_class = 0;
  const int result = ASN1_get_object(&at, &size, &tag, &tag_class, static_cast<long>(der->size()));
  // 0x80: malformed; 1: of indefinite length, which DER does not have.
  if ((result & 0x81) != 0) return -1;
  der->remove_prefix(static_cast<size_t>(at - begin));
  return size;
}

bool SkipElement(std::string_view* der) {
  const long size = EnterElement(der);
  if (size < 0) return false;
  der->remove_prefix(static_cast<size_t>(size));
  return true;
}

// The subject of a certificate (RFC 5280 §4.1); null for what is none.
X509NamePtr SubjectOf(std::string_view der) {
  constexpr char kExplicitVersion = '\xa0';
  if (EnterElement(&der) < 0 || EnterElement(&der) < 0 || der.empty()) return nullptr;
  // Version, serial number, signature algorithm, issuer, validity.
  const int before = der.front() == kExplicitVersion ? 5 : 4;
  for (int i = 0; i < before; ++i) {
    if (!SkipElement(&der)) return nullptr;
  }
  const auto* at = reinterpret_cast<const unsigned char*>(der.data());
  return X509NamePtr(d2i_X509_NAME(nullptr, &at, static_cast<long>(der.size())));
}

// Of the name's canonical form, by which X509_NAME_cmp compares.
unsigned long HashOf(const X509_NAME* name) {
  return X509_NAME_hash_ex(name, nullptr, nullptr, nullptr);
}

// The roots of one store by their subject. Belongs to the store; Add from any thread.
class RootIndex {
 public:
  explicit RootIndex(std::string pem) : pem_(std::move(pem)) {}

  // Adds the roots that may have this subject to the store, unless they are there already.
  void Add(const X509_NAME* subject, X509_STORE* store) {
    absl::call_once(read_, [this] { Read(); });
    const auto found = by_subject_.find(HashOf(subject));
    if (found == by_subject_.end()) return;
    for (const std::string& der : found->second) AddRoot(der, store);
    ERR_clear_error();
  }

 private:
  void Read() {
    ForEachCertificate(pem_, [this](std::string_view der) {
      const X509NamePtr subject = SubjectOf(der);
      if (subject) by_subject_[HashOf(subject.get())].emplace_back(der);
    });
    ERR_clear_error();
    pem_ = std::string();
  }

  absl::once_flag read_;
  std::string pem_;  // until it was read
  absl::flat_hash_map<unsigned long, absl::InlinedVector<std::string, 1>> by_subject_;
};

RootIndex* IndexOf(X509_LOOKUP* lookup) {
  return static_cast<RootIndex*>(X509_LOOKUP_get_method_data(lookup));
}

// What X509_LOOKUP_hash_dir does: brings what has the subject into the store, and gives one of it.
int GetBySubject(X509_LOOKUP* lookup, X509_LOOKUP_TYPE type, const X509_NAME* subject,
                 X509_OBJECT* found) {
  if (type != X509_LU_X509) return 0;
  X509_STORE* const store = X509_LOOKUP_get_store(lookup);
  IndexOf(lookup)->Add(subject, store);
  X509_STORE_lock(store);
  X509_OBJECT* const kept =
      X509_OBJECT_retrieve_by_subject(X509_STORE_get0_objects(store), type, subject);
  X509* const root = kept == nullptr ? nullptr : X509_OBJECT_get0_X509(kept);
  X509_STORE_unlock(store);
  if (root == nullptr || X509_OBJECT_set1_X509(found, root) != 1) return 0;
  // The caller counts its own reference; the store's keeps the certificate until then.
  X509_free(root);
  return 1;
}

const X509_LOOKUP_METHOD* LookupMethod() {
  static const X509_LOOKUP_METHOD* const made = [] {
    X509_LOOKUP_METHOD* method = X509_LOOKUP_meth_new("roots, parsed when needed");
    if (method == nullptr) return method;
    X509_LOOKUP_meth_set_get_by_subject(method, GetBySubject);
    X509_LOOKUP_meth_set_free(method, [](X509_LOOKUP* lookup) { delete IndexOf(lookup); });
    return method;
  }();
  return made;
}

#endif  // OPENSSL_IS_BORINGSSL

}  // namespace

bool AddTrustAnchor(X509* certificate, X509_STORE* store) {
  // Has the library work out the extensions now, and not when two workers verify by this
  // certificate for the first time. What is wrong with them is found then.
  (void)X509_check_purpose(certificate, -1, 0);
  return X509_STORE_add_cert(store, certificate) == 1;
}

#ifdef OPENSSL_IS_BORINGSSL

absl::Status AddRootsLazily(std::string pem, X509_STORE* store) {
  ForEachCertificate(pem, [store](std::string_view der) { AddRoot(der, store); });
  ERR_clear_error();
  return absl::OkStatus();
}

#else

absl::Status AddRootsLazily(std::string pem, X509_STORE* store) {
  // The library does not change a method, though it asks for one that it could.
  X509_LOOKUP* const lookup =
      X509_STORE_add_lookup(store, const_cast<X509_LOOKUP_METHOD*>(LookupMethod()));
  auto index = std::make_unique<RootIndex>(std::move(pem));
  if (lookup == nullptr || X509_LOOKUP_set_method_data(lookup, index.get()) != 1) {
    return OpenSslStatus("cannot add the system's roots");
  }
  (void)index.release();
  return absl::OkStatus();
}

#endif

}  // namespace sallyport::ca
