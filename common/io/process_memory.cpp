#include "common/io/process_memory.hpp"

#include <link.h>
#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <string>
#include <string_view>

#include "common/base/text.hpp"

namespace scpool {
namespace {

constexpr int kTrimThreshold = 64 * 1024;
constexpr int kTopPad = 16 * 1024;

// Only segments that were never written: their pages are those of the file. Relocated tables are in
// writable segments.
int drop_file_pages(dl_phdr_info* object, std::size_t /*size*/, void* /*context*/) {
  if (std::string_view(object->dlpi_name).starts_with("linux-vdso")) {
    return 0;  // the kernel's
  }
  const auto page = static_cast<std::uintptr_t>(sysconf(_SC_PAGESIZE));
  for (int i = 0; i < object->dlpi_phnum; ++i) {
    const ElfW(Phdr)& segment = object->dlpi_phdr[i];
    const bool is_clean = segment.p_type == PT_LOAD && (segment.p_flags & PF_W) == 0;
    const std::uintptr_t begin = (object->dlpi_addr + segment.p_vaddr) & ~(page - 1);
    const std::uintptr_t end = object->dlpi_addr + segment.p_vaddr + segment.p_filesz;
    if (is_clean && end > begin && object->dlpi_addr != 0) {
      // NOLINTNEXTLINE(performance-no-int-to-ptr): the loader tells addresses as numbers
      madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
    }
  }
  return 0;
}

// "max" and a missing file are no limit.
std::uint64_t limit_in(const std::string& path) {
  std::ifstream file(path);
  std::string word;
  file >> word;
  return parse_number(word).value_or(UINT64_MAX);
}

}  // namespace

std::uint64_t memory_of_process() {
  const auto pages = static_cast<std::uint64_t>(sysconf(_SC_PHYS_PAGES));
  std::uint64_t memory = pages * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
  // Version 2: "0::/a/b"; every group on the way may set a limit.
  std::ifstream file("/proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with("0::/")) {
      continue;
    }
    for (std::string group = line.substr(3);; group.resize(group.rfind('/'))) {
      memory = std::min(memory, limit_in("/sys/fs/cgroup" + group + "/memory.max"));
      if (group.find('/') == std::string::npos) {
        break;
      }
    }
  }
  return memory;
}

void prepare_small_memory() {
  mallopt(M_ARENA_MAX, 1);
  mallopt(M_TRIM_THRESHOLD, kTrimThreshold);
  mallopt(M_TOP_PAD, kTopPad);
}

void release_unused_heap() {
  malloc_trim(0);
}

void release_unused_memory() {
  release_unused_heap();
  dl_iterate_phdr(&drop_file_pages, nullptr);
}

}  // namespace scpool
