#include "proxy/tls/client_hello.h"

#include <gtest/gtest.h>
#include <openssl/ssl.h>

#include <string>

#include "ca/openssl.h"

namespace sallyport::tls {
namespace {

using Kind = ClientHelloPeek::Kind;

// What a real client's first flight is.
std::string RealClientHello(const char* server_name) {
  const ca::SslCtxPtr context(SSL_CTX_new(TLS_client_method()));
  const ca::SslPtr ssl(SSL_new(context.get()));
  BIO* in = BIO_new(BIO_s_mem());
  BIO* out = BIO_new(BIO_s_mem());
  SSL_set_bio(ssl.get(), in, out);
  if (server_name != nullptr) SSL_set_tlsext_host_name(ssl.get(), server_name);
  SSL_set_connect_state(ssl.get());
  SSL_do_handshake(ssl.get());
  std::string bytes(BIO_pending(out), '\0');
  BIO_read(out, bytes.data(), static_cast<int>(bytes.size()));
  return bytes;
}

TEST(ClientHelloTest, FindsTheNameHoweverTheBytesArrive) {
  const std::string hello = RealClientHello("api.test");
  for (size_t size = 0; size < hello.size(); ++size) {
    EXPECT_EQ(PeekClientHello(std::string_view(hello).substr(0, size)).kind, Kind::kIncomplete);
  }
  const ClientHelloPeek peek = PeekClientHello(hello + "more");
  EXPECT_EQ(peek.kind, Kind::kClientHello);
  EXPECT_EQ(peek.server_name, "api.test");
}

TEST(ClientHelloTest, OneWithoutANameIsAClientHelloToo) {
  const ClientHelloPeek peek = PeekClientHello(RealClientHello(nullptr));
  EXPECT_EQ(peek.kind, Kind::kClientHello);
  EXPECT_EQ(peek.server_name, "");
}

TEST(ClientHelloTest, IsPutTogetherFromSeveralRecords) {
  const std::string hello = RealClientHello("api.test");
  const std::string message = hello.substr(5);
  std::string split;
  for (size_t at = 0; at < message.size(); at += 100) {
    const std::string part = message.substr(at, 100);
    split += std::string("\x16\x03\x01\x00", 4) + static_cast<char>(part.size()) + part;
  }
  const ClientHelloPeek peek = PeekClientHello(split);
  EXPECT_EQ(peek.kind, Kind::kClientHello);
  EXPECT_EQ(peek.server_name, "api.test");
}

// One that is too long in its records, though not in itself.
TEST(ClientHelloTest, WhatIsTooLongIsSoHoweverTheBytesArrive) {
  // 8 KiB: version, random, three empty lists, and one extension of padding (RFC 7685).
  const std::string message = std::string("\x01\x00\x20\x00", 4) + std::string(38, '\0') +
                              std::string("\x1f\xd8\x00\x15\x1f\xd4", 6) +
                              std::string(0x1fd4, '\0');
  ASSERT_EQ(PeekClientHello(std::string("\x16\x03\x01\x20\x04", 5) + message).kind,
            Kind::kClientHello);
  std::string bytes;
  for (const char byte : message) bytes += std::string("\x16\x03\x01\x00\x01", 5) + byte;
  ASSERT_GT(bytes.size(), kMaxClientHello);
  EXPECT_EQ(PeekClientHello(std::string_view(bytes).substr(0, kMaxClientHello - 1)).kind,
            Kind::kIncomplete);
  for (const size_t size : {kMaxClientHello, kMaxClientHello + 1, bytes.size()}) {
    EXPECT_EQ(PeekClientHello(std::string_view(bytes).substr(0, size)).kind, Kind::kMalformed);
  }
}

TEST(ClientHelloTest, OtherProtocolsAreNotTls) {
  EXPECT_EQ(PeekClientHello("GET / HTTP/1.1\r\n").kind, Kind::kNotTls);
  EXPECT_EQ(PeekClientHello("SSH-2.0-x\r\n").kind, Kind::kNotTls);
  EXPECT_EQ(PeekClientHello("\x16\x02").kind, Kind::kIncomplete);
  EXPECT_EQ(PeekClientHello(std::string_view("\x16\x02\x00", 3)).kind, Kind::kNotTls);
}

TEST(ClientHelloTest, WhatBreaksTheGrammarIsMalformed) {
  const std::string hello = RealClientHello("api.test");
  std::string server_hello = hello;
  server_hello[5] = 2;
  EXPECT_EQ(PeekClientHello(server_hello).kind, Kind::kMalformed);
  EXPECT_EQ(PeekClientHello(std::string("\x16\x03\x01\x00\x00", 5)).kind, Kind::kMalformed);
  std::string huge = hello;
  huge[6] = 1;
  EXPECT_EQ(PeekClientHello(huge).kind, Kind::kMalformed);
  // A name whose length runs past its extension.
  std::string cut = hello;
  cut[cut.find("api.test") - 1] = 99;
  EXPECT_EQ(PeekClientHello(cut).kind, Kind::kMalformed);
}

}  // namespace
}  // namespace sallyport::tls
