// How stub_worker tells a bench what becomes of it, by environment:
//   STUB_REPORT_TO=PATH    a datagram socket: "WHAT PID NANOSECONDS" (CLOCK_MONOTONIC) for each of
//                          started, ready and stopping
//   STUB_NOTIFY_FD=N       a newline there once it is ready, as s6 wants to be told
//   STUB_GRAIN_MS=N        looks at the time this often (5); more for a crowd of stubs
// Plain POSIX, like the rest of the stub.
#pragma once

void report_started();
void report_ready();
void report_stopping();

// Milliseconds.
int stub_grain();
