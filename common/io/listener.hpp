// TCP and Unix listeners. An accepted connection comes as a Stream. A Unix path that belongs to a
// dead process is taken over; a live one is an error that says so.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "common/io/open_descriptor.hpp"
#include "common/io/stream.hpp"

namespace scpool {

class Listener {
 public:
  using OnConnection = std::function<void(std::unique_ptr<Stream>)>;

  // Port 0 takes any free one; endpoint() tells. "Address in use" names the holder (program and
  // pid) where /proc shows it.
  static Result<std::unique_ptr<Listener>> tcp(EventLoop& loop,
                                               const Endpoint& at,
                                               OnConnection on_connection);
  // `mode`: permissions of the socket file, set before anyone can connect.
  static Result<std::unique_ptr<Listener>> unix_socket(EventLoop& loop,
                                                       const std::string& path,
                                                       unsigned mode,
                                                       OnConnection on_connection);
  // A listening socket, TCP or Unix, that an earlier program of this process had open; connections
  // that wait in its queue are served. Invalid: it is not one, and closed.
  static Result<std::unique_ptr<Listener>> adopt(EventLoop& loop,
                                                 OpenDescriptor socket,
                                                 OnConnection on_connection);
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;
  ~Listener();  // removes the socket file it made or adopted

  Endpoint endpoint() const;  // of a TCP listener
  int descriptor() const;     // stays ours
  // While paused, clients connect and wait in the kernel's queue.
  void pause();
  void resume();

 private:
  struct Block;
  explicit Listener(std::unique_ptr<Block> block);
  Block* block_;
};

// "host:port", ":port" (all addresses), "[v6]:port"; the host an IP literal or "localhost".
Result<Endpoint> parse_endpoint(std::string_view text);

}  // namespace scpool
