#ifndef SALLYPORT_PROXY_HTTP_H2_CALLBACKS_H_
#define SALLYPORT_PROXY_HTTP_H2_CALLBACKS_H_

#include <nghttp2/nghttp2.h>

#include "proxy/http/h2_connection.h"

namespace sallyport::http {

// What nghttp2 tells, passed on to the stream that it is about; and the charge for each frame that
// a peer sends for nothing.
struct H2Connection::Callbacks {
  // The connection outlives the session.
  static nghttp2_session* NewServerSession(H2Connection* connection);
  static nghttp2_session* NewClientSession(H2Connection* connection);

 private:
  static nghttp2_session_callbacks* Table();

  // All return 0, or an error that ends the session.
  static int OnBeginFrame(nghttp2_session*, const nghttp2_frame_hd* header, void* user);
  static int OnBeginHeaders(nghttp2_session* session, const nghttp2_frame* frame, void* user);
  static int OnHeader(nghttp2_session* session, const nghttp2_frame* frame, nghttp2_rcbuf* name,
                      nghttp2_rcbuf* value, uint8_t flags, void* user);
  static int OnInvalidHeader(nghttp2_session* session, const nghttp2_frame* frame, nghttp2_rcbuf*,
                             nghttp2_rcbuf*, uint8_t, void* user);
  static int OnFrameReceived(nghttp2_session* session, const nghttp2_frame* frame, void* user);
  static int OnInvalidFrame(nghttp2_session* session, const nghttp2_frame* frame, int, void* user);
  static int OnDataChunk(nghttp2_session* session, uint8_t, int32_t id, const uint8_t* bytes,
                         size_t size, void* user);
  static int OnStreamClose(nghttp2_session* session, int32_t id, uint32_t code, void* user);
  static int OnFrameSent(nghttp2_session* session, const nghttp2_frame* frame, void* user);
  static int OnFrameNotSent(nghttp2_session* session, const nghttp2_frame* frame, int error,
                            void* user);
  static int SendData(nghttp2_session*, nghttp2_frame*, const uint8_t* frame_header, size_t size,
                      nghttp2_data_source* source, void* user);
};

}  // namespace sallyport::http

#endif  // SALLYPORT_PROXY_HTTP_H2_CALLBACKS_H_
