// One open connection to a site and where it leads, counted when it ends. A file of its own because
// dials make it, exchanges use it and kept_connections hold it. Destroyed at once, never retired:
// the figures do not outlive the loop.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "common/io/stream.hpp"
#include "worker/core/origin_figures.hpp"

namespace scpool::worker {

class SiteConnection {
 public:
  // `figures` belong to the host and outlive the connection.
  SiteConnection(std::unique_ptr<Stream> stream, std::string key, DialFigures& figures)
      : stream_(std::move(stream)), key_(std::move(key)), figures_(figures) {}
  SiteConnection(const SiteConnection&) = delete;
  SiteConnection& operator=(const SiteConnection&) = delete;
  ~SiteConnection() { ++figures_.closed; }

  Stream& stream() { return *stream_; }
  const std::string& key() const { return key_; }  // "http://host:port"

 private:
  std::unique_ptr<Stream> stream_;
  std::string key_;
  DialFigures& figures_;
};

}  // namespace scpool::worker
