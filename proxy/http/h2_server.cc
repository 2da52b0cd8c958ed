#include "proxy/http/h2_server.h"

#include <array>
#include <utility>

#include "proxy/http/h2_server_stream.h"

namespace sallyport::http {
namespace {

std::array<nghttp2_settings_entry, 5> Settings(const CodecContext& context) {
  return {{{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, H2Server::kMaxStreams},
           {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, H2Connection::kStreamWindow},
           {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE,
            static_cast<uint32_t>(context.limits.max_head_bytes)},
           {NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1},
           {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1}}};
}

}  // namespace

H2Server::H2Server(CodecContext* context, net::TransportPtr transport, std::string early,
                   Owner* owner)
    : H2Connection(context, std::move(transport), std::move(early), Role::kServer,
                   Settings(*context)),
      owner_(owner) {}

std::unique_ptr<H2Stream> H2Server::MakeStream() { return std::make_unique<H2ServerStream>(this); }

}  // namespace sallyport::http
