#include "proxy/admin/admin_server.h"

#include <fmt/core.h>
#include <pthread.h>
#include <signal.h>

#include <utility>

#include "proxy/http/h1_server.h"
#include "proxy/http/local_reply.h"

namespace sallyport::admin {
namespace {

// Far more than monitoring opens; connections of those that only wait cost memory.
constexpr size_t kMaxConnections = 64;

struct Answer {
  int status = 200;
  std::string_view reason = "OK";
  std::string body;
  std::string_view content_type = "text/plain; charset=utf-8";
};

std::string_view PathOf(std::string_view target) { return target.substr(0, target.find('?')); }

Answer AnswerTo(const http::RequestHead& request, Subject* subject) {
  if (request.method != "GET" && request.method != "HEAD") {
    return {405, "Method Not Allowed", "only GET and HEAD are served here\n"};
  }
  const std::string_view path = PathOf(request.path);
  if (path == "/metrics") {
    return {200, "OK", subject->MetricsText(), "text/plain; version=0.0.4; charset=utf-8"};
  }
  if (path == "/healthz") {
    if (subject->IsAlive()) return {200, "OK", "alive\n"};
    return {503, "Service Unavailable", "a worker does not answer\n"};
  }
  if (path == "/readyz") {
    if (subject->IsReady()) return {200, "OK", "ready\n"};
    return {503, "Service Unavailable", "not accepting connections\n"};
  }
  return {404, "Not Found", "here are /metrics, /healthz and /readyz\n"};
}

void Send(http::ServerStream* stream, const Answer& answer, bool head_only) {
  const std::string length = std::to_string(answer.body.size());
  http::ResponseHead head;
  head.status = answer.status;
  head.reason = answer.reason;
  head.headers.Add("Content-Type", answer.content_type);
  head.headers.Add("Cache-Control", "no-store");
  if (answer.status == 405) head.headers.Add("Allow", "GET, HEAD");
  head.headers.Add("Content-Length", length);
  if (!head_only) head.body = {http::BodyKind::kLength, answer.body.size()};
  stream->SendHead(head);
  if (!head_only) stream->SendBody(answer.body);
  stream->EndResponse(net::EndKind::kClean);
}

}  // namespace

class AdminServer::Connection final : public net::Retirable, private http::H1Server::Owner {
 public:
  Connection(AdminServer* server, net::TransportPtr transport)
      : server_(server),
        http_(new http::H1Server(&server->codec_, std::move(transport), {},
                                 http::H1Server::HalfClose::kAllowed, this)) {}

  void Retire() override { http_.reset(); }
  net::EventLoop& loop() override { return server_->loop_; }

 private:
  void OnRequest(http::ServerStream* stream, http::RequestHead* head) override {
    Send(stream, AnswerTo(*head, server_->subject_), head->method == "HEAD");
  }
  void OnBadRequest(http::ServerStream* stream, const http::HeadError& error) override {
    http::LocalReply reply;
    reply.code = error.too_large ? http::ReplyCode::kHeaderTooLarge : http::ReplyCode::kBadRequest;
    reply.message = std::string(error.message);
    http::SendLocalReply(stream, reply, false);
  }
  void OnConnectionDone() override { server_->Remove(this); }

  AdminServer* server_;
  net::RetirePtr<http::H1Server> http_;
};

AdminServer::AdminServer(UniqueFd socket, net::StreamKind kind, Subject* subject)
    : kind_(kind),
      subject_(subject),
      socket_(std::move(socket)),
      mailbox_(std::make_unique<net::Mailbox>(&loop_)) {
  codec_.loop = &loop_;
  listener_ = std::make_unique<net::Listener>(
      &loop_, socket_.get(), [this](UniqueFd fd, const std::string&) { Accept(std::move(fd)); });
  thread_ = std::thread([this] {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, nullptr);
    pthread_setname_np(pthread_self(), "admin");
    loop_.Run();
  });
}

AdminServer::~AdminServer() {
  mailbox_->Post([this] { loop_.Stop(); });
  thread_.join();
  connections_.clear();
  listener_.reset();
  mailbox_.reset();
}

void AdminServer::Accept(UniqueFd connection) {
  if (connections_.size() >= kMaxConnections) return;
  net::TransportPtr transport(new net::StreamTransport(&loop_, kind_, std::move(connection)));
  connections_.push_back(net::RetirePtr<Connection>(new Connection(this, std::move(transport))));
}

void AdminServer::Remove(Connection* connection) {
  std::erase_if(connections_, [connection](const auto& kept) { return kept.get() == connection; });
}

}  // namespace sallyport::admin
