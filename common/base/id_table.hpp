// A table from numbered identifiers to small values, for those that come and go by the thousand:
// one array, no allocation an entry. 0 is no identifier. Inserting and erasing move entries.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace scpool {

template <class Id, class Value>
class IdTable {
 public:
  using Entry = std::pair<Id, Value>;

  // Over the entries, in no order.
  class Iterator {
   public:
    Iterator(Entry* entry, Entry* end) : entry_(entry), end_(end) { skip_free(); }
    Entry& operator*() const { return *entry_; }
    Entry* operator->() const { return entry_; }
    Iterator& operator++() {
      ++entry_;
      skip_free();
      return *this;
    }
    friend bool operator==(const Iterator&, const Iterator&) = default;

   private:
    friend class IdTable;
    void skip_free() {
      while (entry_ != end_ && is_free(*entry_)) {
        ++entry_;
      }
    }

    Entry* entry_;
    Entry* end_;
  };

  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  Iterator begin() { return {slots_.data(), slots_.data() + slots_.size()}; }
  Iterator end() { return {slots_.data() + slots_.size(), slots_.data() + slots_.size()}; }

  // Null when it is not there; valid until the table changes.
  Value* find(Id id) {
    if (empty()) {
      return nullptr;
    }
    Entry& entry = slots_[slot_for(id)];
    return is_free(entry) ? nullptr : &entry.second;
  }

  // Made if it is not there.
  Value& operator[](Id id) {
    if (2 * (size_ + 1) > slots_.size()) {
      rehash(shift_ - 1);
    }
    Entry& entry = slots_[slot_for(id)];
    if (is_free(entry)) {
      entry.first = id;
      ++size_;
    }
    return entry.second;
  }

  bool erase(Id id) {
    const std::size_t slot = empty() ? 0 : slot_for(id);
    if (empty() || is_free(slots_[slot])) {
      return false;
    }
    erase_slot(slot);
    return true;
  }
  void erase(Iterator at) { erase_slot(static_cast<std::size_t>(at.entry_ - slots_.data())); }
  void clear() {
    slots_ = std::vector<Entry>();
    size_ = 0;
    shift_ = kNoShift;
  }

 private:
  static constexpr unsigned kNoShift = 30;      // the first slots are eight
  static constexpr std::size_t kMostKept = 16;  // slots, when it is empty
  static constexpr std::size_t kMany = 256;     // slots, of which
  static constexpr std::size_t kMostFree = 16;  // one of so many is used, or there are fewer

  static bool is_free(const Entry& entry) { return entry.first == Id{}; }
  // Spreads numbers that follow each other evenly (Knuth, volume 3, section 6.4).
  std::size_t home_of(Id id) const {
    return (static_cast<std::uint32_t>(id.value) * 0x9e3779b1U) >> shift_;
  }
  std::size_t next(std::size_t slot) const { return (slot + 1) & (slots_.size() - 1); }

  // Where it is, or would be; some slot is free.
  std::size_t slot_for(Id id) const {
    std::size_t slot = home_of(id);
    while (slots_[slot].first != id && !is_free(slots_[slot])) {
      slot = next(slot);
    }
    return slot;
  }

  void rehash(unsigned shift) {
    std::vector<Entry> before(std::size_t{1} << (32U - shift));
    before.swap(slots_);
    shift_ = shift;
    for (Entry& entry : before) {
      if (!is_free(entry)) {
        slots_[slot_for(entry.first)] = std::move(entry);
      }
    }
  }

  // What stands behind it and belongs before moves up, so that a search ends at the first free one.
  void erase_slot(std::size_t hole) {
    for (std::size_t slot = next(hole); !is_free(slots_[slot]); slot = next(slot)) {
      const std::size_t mask = slots_.size() - 1;
      const std::size_t from_home = (slot - home_of(slots_[slot].first)) & mask;
      if (from_home >= ((slot - hole) & mask)) {
        slots_[hole] = std::move(slots_[slot]);
        hole = slot;
      }
    }
    slots_[hole] = Entry{};
    if (--size_ == 0 && slots_.size() > kMostKept) {
      clear();
    } else if (slots_.size() > kMany && kMostFree * size_ < slots_.size()) {
      rehash(shift_ + 2);
    }
  }

  std::vector<Entry> slots_;  // a power of two, half of them free; none before the first entry
  std::size_t size_ = 0;
  unsigned shift_ = kNoShift;  // from 32 bits to a slot
};

}  // namespace scpool
