#include "ca/trust_store.h"

#include <openssl/err.h>
#include <openssl/pem.h>

#include <string_view>
#include <utility>

#include <fmt/core.h>

#include "base/file.h"
#include "base/status.h"
#include "ca/lazy_roots.h"

namespace sallyport::ca {
namespace {

// Several times the largest bundle that distributions ship.
constexpr size_t kMaxPemFile = size_t{16} << 20;

struct OpenSslMemoryDeleter {
  void operator()(void* memory) const { OPENSSL_free(memory); }
};
template <typename T>
using OpenSslMemory = std::unique_ptr<T, OpenSslMemoryDeleter>;

struct PemBlock {
  OpenSslMemory<char> name;
  OpenSslMemory<char> header;
  OpenSslMemory<unsigned char> der;
  long size = 0;
};

enum class BlockRead { kBlock, kEnd, kMalformed };

BlockRead ReadBlock(BIO* bio, PemBlock* block) {
  char* name = nullptr;
  char* header = nullptr;
  unsigned char* der = nullptr;
  if (PEM_read_bio(bio, &name, &header, &der, &block->size) == 1) {
    block->name.reset(name);
    block->header.reset(header);
    block->der.reset(der);
    return BlockRead::kBlock;
  }
  const bool end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  ERR_clear_error();
  return end ? BlockRead::kEnd : BlockRead::kMalformed;
}

struct Contents {
  size_t certificates = 0;
  size_t revocation_lists = 0;
  // Neither of these is an error by itself: see LoadTrustStore().
  size_t malformed = 0;
};

// Adds one block; false when it is malformed. Blocks of other kinds, as keys are, are passed over.
bool AddBlock(const PemBlock& block, X509_STORE* store, Contents* contents) {
  const std::string_view name = block.name.get();
  const unsigned char* der = block.der.get();
  if (name == PEM_STRING_X509 || name == PEM_STRING_X509_OLD || name == PEM_STRING_X509_TRUSTED) {
    const X509Ptr certificate(name == PEM_STRING_X509_TRUSTED
                                  ? d2i_X509_AUX(nullptr, &der, block.size)
                                  : d2i_X509(nullptr, &der, block.size));
    if (!certificate) return false;
    if (!AddTrustAnchor(certificate.get(), store)) return false;
    ++contents->certificates;
  } else if (name == PEM_STRING_X509_CRL) {
    const X509CrlPtr list(d2i_X509_CRL(nullptr, &der, block.size));
    if (!list || X509_STORE_add_crl(store, list.get()) != 1) return false;
    ++contents->revocation_lists;
  }
  return true;
}

Contents AddPem(std::string_view pem, X509_STORE* store) {
  Contents contents;
  const BioPtr bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  if (!bio) return contents;
  PemBlock block;
  size_t unread = pem.size() + 1;
  // Every block, even a malformed one, takes bytes away; should the library ever not, this ends.
  while (static_cast<size_t>(BIO_pending(bio.get())) < unread) {
    unread = static_cast<size_t>(BIO_pending(bio.get()));
    const BlockRead read = ReadBlock(bio.get(), &block);
    if (read == BlockRead::kEnd) break;
    if (read == BlockRead::kMalformed || !AddBlock(block, store, &contents)) ++contents.malformed;
  }
  ERR_clear_error();
  return contents;
}

absl::StatusOr<Contents> AddFile(const std::string& path, X509_STORE* store) {
  ASSIGN_OR_RETURN(const std::string pem, ReadFile(path, kMaxPemFile));
  const Contents contents = AddPem(pem, store);
  if (contents.malformed > 0) {
    return absl::InvalidArgumentError(fmt::format(
        "{}: {} of its PEM blocks cannot be read; {} certificates and {} revocation lists can",
        path, contents.malformed, contents.certificates, contents.revocation_lists));
  }
  if (contents.certificates + contents.revocation_lists == 0) {
    return absl::InvalidArgumentError(
        fmt::format("{} has no certificate and no revocation list in PEM form", path));
  }
  return contents;
}

// An issuer that published no list is no reason to refuse what it issued. A list that exists and
// has expired, or is badly signed, is: those errors stand.
int AllowMissingRevocationList(int verified, X509_STORE_CTX* context) {
  if (verified == 1) return 1;
  if (X509_STORE_CTX_get_error(context) != X509_V_ERR_UNABLE_TO_GET_CRL) return 0;
  X509_STORE_CTX_set_error(context, X509_V_OK);
  return 1;
}

}  // namespace

absl::StatusOr<X509StorePtr> LoadTrustStore(std::string system_roots_pem,
                                            const std::vector<std::string>& extra_pem_files) {
  X509StorePtr store(X509_STORE_new());
  if (!store) return OpenSslStatus("cannot make a trust store");
  RETURN_IF_ERROR(AddRootsLazily(std::move(system_roots_pem), store.get()));
  size_t revocation_lists = 0;
  for (const std::string& path : extra_pem_files) {
    ASSIGN_OR_RETURN(const Contents contents, AddFile(path, store.get()));
    revocation_lists += contents.revocation_lists;
  }
  unsigned long flags = X509_V_FLAG_PARTIAL_CHAIN | X509_V_FLAG_TRUSTED_FIRST;
  if (revocation_lists > 0) {
    flags |= X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL;
    X509_STORE_set_verify_cb(store.get(), AllowMissingRevocationList);
  }
  if (X509_STORE_set_flags(store.get(), flags) != 1) {
    return OpenSslStatus("cannot configure the trust store");
  }
  return store;
}

}  // namespace sallyport::ca
