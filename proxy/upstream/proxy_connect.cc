#include "proxy/upstream/proxy_connect.h"

#include <fmt/core.h>

#include <utility>

namespace sallyport::upstream {

ProxyConnect::ProxyConnect(net::TransportPtr transport, const UpstreamProxy& proxy,
                           const rules::Authority& target, std::chrono::milliseconds timeout,
                           Listener* listener)
    : loop_(transport->loop()),
      transport_(std::move(transport)),
      listener_(listener),
      timer_(&loop_, [this] { listener_->OnTunnelRefused(0, true, "no reply in time"); }) {
  transport_->SetListener(this);
  timer_.Start(timeout);
  collector_.Reset();
  const std::string name = target.ToString();
  std::string head = fmt::format("CONNECT {0} HTTP/1.1\r\nHost: {0}\r\n", name);
  if (!proxy.authorization.empty()) {
    head += fmt::format("Proxy-Authorization: {}\r\n", proxy.authorization.Reveal());
  }
  head += "\r\n";
  transport_->Write(head);
  WipeString(&head);
}

ProxyConnect::~ProxyConnect() = default;

void ProxyConnect::Retire() {
  timer_.Stop();
  transport_.reset();
}

void ProxyConnect::OnData(std::string_view bytes) {
  const http::Limits limits;
  while (true) {
    switch (collector_.Collect(&bytes, &buffers_.head, limits)) {
      case http::HeadCollector::Result::kNeedMore:
        return;
      case http::HeadCollector::Result::kMalformed:
      case http::HeadCollector::Result::kTooLarge:
        listener_->OnTunnelRefused(0, false, "its reply is no HTTP");
        return;
      case http::HeadCollector::Result::kComplete:
        break;
    }
    const int status = ReadHead();
    buffers_.Clear();
    collector_.Reset();
    if (status >= 200 && status < 300) {
      timer_.Stop();
      listener_->OnTunnelled(std::move(transport_), std::string(bytes));
      return;
    }
    if (status < 100 || status >= 200) {
      listener_->OnTunnelRefused(status, false,
                                 status == 0 ? std::string("its reply is no HTTP")
                                             : fmt::format("it answered {} to CONNECT", status));
      return;
    }
  }
}

int ProxyConnect::ReadHead() {
  http::ResponseHead response;
  http::HeadError error;
  bool keep_alive = true;
  // Of a 2xx to CONNECT the framing fields count for nothing (RFC 9110 §9.3.6), as for HEAD.
  if (!http::ParseResponseHead(&buffers_, http::Limits(), "HEAD", &response, &keep_alive, &error)) {
    return 0;
  }
  return response.status;
}

void ProxyConnect::OnEnd(net::EndKind) {
  listener_->OnTunnelRefused(0, false, "it closed the connection");
}

void ProxyConnect::OnError(net::TransportError, const std::string& detail) {
  listener_->OnTunnelRefused(0, false, detail);
}

}  // namespace sallyport::upstream
