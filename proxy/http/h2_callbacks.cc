#include "proxy/http/h2_callbacks.h"

#include <algorithm>
#include <cstdlib>

#include "proxy/http/h2_memory.h"

namespace sallyport::http {
namespace {

constexpr uint32_t kMaxOutboundAcks = 256;
// More than any head that we pass on, injected fields included.
constexpr size_t kMaxSentBlock = size_t{512} * 1024;
// Beyond any rate: resets are counted here, together with those that the peer provokes.
constexpr uint64_t kNoResetLimit = uint64_t{1} << 32;

// A DATA frame that is sent may be answered by this many of WINDOW_UPDATE, PING and the like.
constexpr uint32_t kFramesEarnedBySending = 4;

const nghttp2_option* Options() {
  static const nghttp2_option* const options = [] {
    nghttp2_option* made = nullptr;
    if (nghttp2_option_new(&made) != 0) std::abort();
    nghttp2_option_set_no_auto_window_update(made, 1);
    nghttp2_option_set_no_closed_streams(made, 1);
    nghttp2_option_set_max_outbound_ack(made, kMaxOutboundAcks);
    nghttp2_option_set_max_send_header_block_length(made, kMaxSentBlock);
    nghttp2_option_set_stream_reset_rate_limit(made, kNoResetLimit, kNoResetLimit);
    return made;
  }();
  return options;
}

H2Connection* ConnectionOf(void* user) { return static_cast<H2Connection*>(user); }

H2Stream* FindStream(nghttp2_session* session, int32_t id) {
  return static_cast<H2Stream*>(nghttp2_session_get_stream_user_data(session, id));
}

bool EndsStream(const nghttp2_frame_hd& header) {
  return (header.flags & NGHTTP2_FLAG_END_STREAM) != 0;
}

}  // namespace

nghttp2_session_callbacks* H2Connection::Callbacks::Table() {
  static nghttp2_session_callbacks* const table = [] {
    nghttp2_session_callbacks* made = nullptr;
    if (nghttp2_session_callbacks_new(&made) != 0) std::abort();
    nghttp2_session_callbacks_set_on_begin_frame_callback(made, OnBeginFrame);
    nghttp2_session_callbacks_set_on_begin_headers_callback(made, OnBeginHeaders);
    nghttp2_session_callbacks_set_on_header_callback2(made, OnHeader);
    nghttp2_session_callbacks_set_on_invalid_header_callback2(made, OnInvalidHeader);
    nghttp2_session_callbacks_set_on_frame_recv_callback(made, OnFrameReceived);
    nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(made, OnInvalidFrame);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(made, OnDataChunk);
    nghttp2_session_callbacks_set_on_stream_close_callback(made, OnStreamClose);
    nghttp2_session_callbacks_set_on_frame_send_callback(made, OnFrameSent);
    nghttp2_session_callbacks_set_on_frame_not_send_callback(made, OnFrameNotSent);
    nghttp2_session_callbacks_set_send_data_callback(made, SendData);
    return made;
  }();
  return table;
}

nghttp2_session* H2Connection::Callbacks::NewServerSession(H2Connection* connection) {
  nghttp2_session* session = nullptr;
  if (nghttp2_session_server_new3(&session, Table(), connection, Options(), WipingMemory()) != 0) {
    std::abort();  // out of memory
  }
  return session;
}

nghttp2_session* H2Connection::Callbacks::NewClientSession(H2Connection* connection) {
  nghttp2_session* session = nullptr;
  if (nghttp2_session_client_new3(&session, Table(), connection, Options(), WipingMemory()) != 0) {
    std::abort();  // out of memory
  }
  return session;
}

// ---- What was received

int H2Connection::Callbacks::OnBeginFrame(nghttp2_session*, const nghttp2_frame_hd* header,
                                          void* user) {
  H2Connection* const connection = ConnectionOf(user);
  if (!connection->usable()) return NGHTTP2_ERR_CALLBACK_FAILURE;
  bool within = true;
  switch (header->type) {
    case NGHTTP2_HEADERS:
    case NGHTTP2_CONTINUATION:
      if (connection->block_began_ms_ == 0) {
        connection->block_began_ms_ = std::max<uint64_t>(connection->loop().now_ms(), 1);
      }
      break;
    case NGHTTP2_DATA:
      if (header->length == 0 && !EndsStream(*header)) {
        within = connection->Charge(&connection->frames_);
      } else {
        connection->frames_.Give(1);
      }
      break;
    case NGHTTP2_RST_STREAM:
      within = connection->Charge(&connection->resets_);
      break;
    case NGHTTP2_PRIORITY:
      // nghttp2 passes over what it has no use for, even where RFC 9113 §6.3 forbids it.
      if (header->stream_id == 0) {
        connection->condemned_ = NGHTTP2_PROTOCOL_ERROR;
        return NGHTTP2_ERR_CALLBACK_FAILURE;
      }
      [[fallthrough]];
    default:
      within = connection->Charge(&connection->frames_);
      break;
  }
  return within ? 0 : NGHTTP2_ERR_CALLBACK_FAILURE;
}

int H2Connection::Callbacks::OnBeginHeaders(nghttp2_session* session, const nghttp2_frame* frame,
                                            void* user) {
  H2Connection* const connection = ConnectionOf(user);
  if (!connection->usable()) return NGHTTP2_ERR_CALLBACK_FAILURE;
  if (frame->hd.type != NGHTTP2_HEADERS) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  const int32_t id = frame->hd.stream_id;
  if (frame->headers.cat != NGHTTP2_HCAT_REQUEST) {
    H2Stream* const stream = FindStream(session, id);
    if (stream == nullptr) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    stream->BeginBlock();
    return 0;
  }
  H2Stream* const stream = connection->TakeStream();
  stream->id_ = id;
  nghttp2_session_set_stream_user_data(session, id, stream);
  // Streams take turns, whatever the client would like (RFC 9218 §10: a server may ignore it).
  const nghttp2_extpri fair = {NGHTTP2_EXTPRI_DEFAULT_URGENCY, 1};
  nghttp2_session_change_extpri_stream_priority(session, id, &fair, 1);
  stream->BeginBlock();
  return 0;
}

int H2Connection::Callbacks::OnHeader(nghttp2_session* session, const nghttp2_frame* frame,
                                      nghttp2_rcbuf* name, nghttp2_rcbuf* value, uint8_t flags,
                                      void* user) {
  H2Stream* const stream = FindStream(session, frame->hd.stream_id);
  if (stream == nullptr) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  stream->block()->Add(name, value, flags, ConnectionOf(user)->context_->limits);
  return 0;
}

// A field that nghttp2 would leave out. A message with it is malformed (RFC 9113 §8.2.1).
int H2Connection::Callbacks::OnInvalidHeader(nghttp2_session* session, const nghttp2_frame* frame,
                                             nghttp2_rcbuf*, nghttp2_rcbuf*, uint8_t, void* user) {
  const int result = OnInvalidFrame(session, frame, NGHTTP2_ERR_HTTP_HEADER, user);
  if (result != 0) return result;
  nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, frame->hd.stream_id,
                            NGHTTP2_PROTOCOL_ERROR);
  return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

int H2Connection::Callbacks::OnFrameReceived(nghttp2_session* session, const nghttp2_frame* frame,
                                             void* user) {
  H2Connection* const connection = ConnectionOf(user);
  if (!connection->usable()) return NGHTTP2_ERR_CALLBACK_FAILURE;
  H2Stream* const stream = FindStream(session, frame->hd.stream_id);
  switch (frame->hd.type) {
    case NGHTTP2_HEADERS:
      connection->block_began_ms_ = 0;
      if (stream == nullptr || !stream->OnBlockEnd(EndsStream(frame->hd))) break;
      if (connection->open() && EndsStream(frame->hd)) stream->ReceiveEnd();
      break;
    case NGHTTP2_DATA:
      if (stream != nullptr && EndsStream(frame->hd)) stream->ReceiveEnd();
      break;
    case NGHTTP2_RST_STREAM:
      if (stream != nullptr) stream->reset_by_peer_ = true;
      break;
    case NGHTTP2_SETTINGS:
      if ((frame->hd.flags & NGHTTP2_FLAG_ACK) != 0) break;
      connection->block_began_ms_ = 0;  // the preface's last part
      connection->OnPeerSettings();
      break;
    case NGHTTP2_GOAWAY:
      connection->going_away_ = true;
      if (frame->goaway.error_code != NGHTTP2_NO_ERROR) connection->failed_ = true;
      break;
    default:
      break;
  }
  return connection->open() ? 0 : NGHTTP2_ERR_CALLBACK_FAILURE;
}

// nghttp2 resets the stream, which OnStreamClose charges for, or ends the connection.
int H2Connection::Callbacks::OnInvalidFrame(nghttp2_session* session, const nghttp2_frame* frame,
                                            int, void* user) {
  H2Connection* const connection = ConnectionOf(user);
  connection->block_began_ms_ = 0;
  if (FindStream(session, frame->hd.stream_id) != nullptr) return 0;
  return connection->Charge(&connection->resets_) ? 0 : NGHTTP2_ERR_CALLBACK_FAILURE;
}

int H2Connection::Callbacks::OnDataChunk(nghttp2_session* session, uint8_t, int32_t id,
                                         const uint8_t* bytes, size_t size, void* user) {
  H2Connection* const connection = ConnectionOf(user);
  if (!connection->usable()) return NGHTTP2_ERR_CALLBACK_FAILURE;
  H2Stream* const stream = FindStream(session, id);
  if (stream == nullptr) {
    nghttp2_session_consume_connection(session, size);
    return 0;
  }
  stream->Receive({reinterpret_cast<const char*>(bytes), size});
  return connection->open() ? 0 : NGHTTP2_ERR_CALLBACK_FAILURE;
}

int H2Connection::Callbacks::OnStreamClose(nghttp2_session* session, int32_t id, uint32_t code,
                                           void* user) {
  H2Connection* const connection = ConnectionOf(user);
  if (!connection->open()) return NGHTTP2_ERR_CALLBACK_FAILURE;
  H2Stream* const stream = FindStream(session, id);
  if (stream == nullptr) return 0;
  // A reset that the peer provokes by breaking rules costs as much as one that it sends.
  const bool provoked =
      code != NGHTTP2_NO_ERROR && !stream->reset_by_peer_ && !stream->reset_by_us_;
  const bool within = !provoked || connection->Charge(&connection->resets_);
  stream->Close(code);
  return connection->open() && within ? 0 : NGHTTP2_ERR_CALLBACK_FAILURE;
}

// ---- What was sent

int H2Connection::Callbacks::OnFrameSent(nghttp2_session* session, const nghttp2_frame* frame,
                                         void* user) {
  H2Connection* const connection = ConnectionOf(user);
  switch (frame->hd.type) {
    case NGHTTP2_DATA:
      connection->frames_.Give(kFramesEarnedBySending);
      [[fallthrough]];
    case NGHTTP2_HEADERS: {
      if (!EndsStream(frame->hd)) break;
      H2Stream* const stream = FindStream(session, frame->hd.stream_id);
      if (stream != nullptr) stream->OnEndSent();
      break;
    }
    case NGHTTP2_GOAWAY:
      if (frame->goaway.error_code != NGHTTP2_NO_ERROR) connection->failed_ = true;
      break;
    default:
      break;
  }
  return 0;
}

int H2Connection::Callbacks::OnFrameNotSent(nghttp2_session* session, const nghttp2_frame* frame,
                                            int error, void*) {
  if (frame->hd.type != NGHTTP2_HEADERS) return 0;
  H2Stream* const stream = FindStream(session, frame->hd.stream_id);
  if (stream != nullptr) stream->OnHeadNotSent(error);
  return 0;
}

int H2Connection::Callbacks::SendData(nghttp2_session*, nghttp2_frame*, const uint8_t* frame_header,
                                      size_t size, nghttp2_data_source* source, void* user) {
  H2Connection* const connection = ConnectionOf(user);
  if (!connection->open()) return NGHTTP2_ERR_CALLBACK_FAILURE;
  auto* const stream = static_cast<H2Stream*>(source->ptr);
  connection->transport_->Write({reinterpret_cast<const char*>(frame_header), kFrameHeaderSize});
  if (connection->transport_->Write(stream->out_.Front(size)) == net::WriteResult::kBlocked) {
    connection->transport_blocked_ = true;
  }
  stream->Sent(size);
  return 0;
}

}  // namespace sallyport::http
