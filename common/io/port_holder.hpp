// Who holds a TCP port, for the sentence of "address in use": /proc/net/tcp names the socket, the
// descriptors under /proc/PID/fd name the process. Extra to the layout because it is a search of
// its own beside the listener. For the sources of common/io only.
#pragma once

#include <cstdint>
#include <string>

namespace scpool {

// "held by nginx (pid 123)", or as much as can be told: "held by a process of uid 0, which this
// user may not look into". Empty when no listening socket has the port.
std::string port_holder(std::uint16_t port);
// "nginx (pid 123)"; "pid 123" when /proc does not show its name.
std::string process_title(int pid);

}  // namespace scpool
