#ifndef SALLYPORT_PROXY_ADMIN_ADMIN_SERVER_H_
#define SALLYPORT_PROXY_ADMIN_ADMIN_SERVER_H_

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/unique_fd.h"
#include "proxy/http/message_buffers.h"
#include "proxy/net/listener.h"
#include "proxy/net/mailbox.h"
#include "proxy/net/stream_transport.h"

namespace sallyport::admin {

// What the endpoint asks about. Called on the endpoint's own thread; may block for a while, since
// only those who ask wait.
class Subject {
 public:
  // Every event loop still turns.
  virtual bool IsAlive() = 0;
  // Connections are accepted, and a policy is in force.
  virtual bool IsReady() = 0;
  // In Prometheus' text format.
  virtual std::string MetricsText() = 0;

 protected:
  ~Subject() = default;
};

// Health and metrics over HTTP/1.1: /healthz, /readyz, /metrics. On a thread of its own, so that it
// can tell of a worker that hangs.
class AdminServer {
 public:
  // Serves the listening `socket` until destroyed. `subject` outlives it.
  AdminServer(UniqueFd socket, net::StreamKind kind, Subject* subject);
  ~AdminServer();
  AdminServer(const AdminServer&) = delete;
  AdminServer& operator=(const AdminServer&) = delete;

 private:
  class Connection;

  void Accept(UniqueFd connection);
  void Remove(Connection* connection);

  const net::StreamKind kind_;
  Subject* const subject_;
  const UniqueFd socket_;
  // Before the loop, which destroys the last connections when it ends: they give buffers back.
  http::CodecContext codec_;
  net::EventLoop loop_;
  std::unique_ptr<net::Mailbox> mailbox_;
  std::unique_ptr<net::Listener> listener_;
  std::vector<net::RetirePtr<Connection>> connections_;
  std::thread thread_;
};

}  // namespace sallyport::admin

#endif  // SALLYPORT_PROXY_ADMIN_ADMIN_SERVER_H_
