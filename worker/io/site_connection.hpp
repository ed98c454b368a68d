// One open connection to a site and where it leads, counted when it ends. A file of its own because
// dials make it, exchanges use it and kept_connections hold it. Destroyed at once, never retired:
// the figures do not outlive the loop.
#pragma once

#include <memory>
#include <utility>

#include "common/http/authority.hpp"
#include "common/io/stream.hpp"
#include "worker/core/origin_figures.hpp"

namespace scpool::worker {

// Where a connection leads.
struct Site {
  Authority authority;
  bool tls = false;
};

class SiteConnection final : private StreamListener {
 public:
  // Who holds an idle connection.
  class Keeper {
   public:
    Keeper() = default;
    Keeper(const Keeper&) = delete;
    Keeper& operator=(const Keeper&) = delete;
    // It said something or ended; may destroy the connection.
    virtual void on_stirred(SiteConnection& connection) = 0;

   protected:
    ~Keeper() = default;
  };

  // `figures` belong to the host and outlive the connection.
  SiteConnection(std::unique_ptr<Stream> stream, Site site, DialFigures& figures)
      : stream_(std::move(stream)), site_(std::move(site)), figures_(figures) {}
  SiteConnection(const SiteConnection&) = delete;
  SiteConnection& operator=(const SiteConnection&) = delete;
  virtual ~SiteConnection() { ++figures_.closed; }

  Stream& stream() { return *stream_; }
  bool leads_to(const Authority& authority, bool tls) const {
    return site_.tls == tls && site_.authority == authority;
  }

  // From here on nobody uses it; until its stream gets another listener.
  void idle(Keeper& keeper) {
    keeper_ = &keeper;
    stream_->set_listener(this);
    stream_->resume_reading();
  }

 private:
  void on_bytes(ByteView /*bytes*/) override { keeper_->on_stirred(*this); }
  void on_end() override { keeper_->on_stirred(*this); }
  void on_failed(const Error& /*error*/) override { keeper_->on_stirred(*this); }

  std::unique_ptr<Stream> stream_;
  Site site_;
  DialFigures& figures_;
  Keeper* keeper_ = nullptr;
};

}  // namespace scpool::worker
