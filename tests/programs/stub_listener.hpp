// The listening socket of stub_worker's local API. Plain POSIX: the stub shares no code with what
// it helps to test.
#pragma once

#include <string>

// "unix:PATH", "HOST:PORT" (loopback whatever the host) or ":PORT"; -1 with errno set.
int open_stub_listener(const std::string& address);
