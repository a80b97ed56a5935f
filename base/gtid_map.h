#pragma once
// What a node knows by gtid, in gtid order. Most are found many times in their short lives and come
// in nearly ascending order: finding one is one probe of a hash table, the next one is a pointer
// away, and a new one goes where its coordinator's last one ends.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <iterator>
#include <map>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/assert.h"
#include "base/ids.h"

namespace troth {

/// Offers what std::map offers, as far as the engines use it. An iterator stays valid until its
/// element is erased.
template <class T>
class GtidMap {
  struct Node;

 public:
  using value_type = std::pair<const Gtid, T>;

  template <bool kConst>
  class Iterator {
   public:
    using iterator_category = std::bidirectional_iterator_tag;
    using value_type = GtidMap::value_type;
    using difference_type = std::ptrdiff_t;
    using reference = std::conditional_t<kConst, const value_type&, value_type&>;
    using pointer = std::conditional_t<kConst, const value_type*, value_type*>;

    Iterator() = default;
    /// A place to write is a place to read as well.
    template <bool kOther, class = std::enable_if_t<kConst && !kOther>>
    Iterator(const Iterator<kOther>& other)  // NOLINT(google-explicit-constructor)
        : map_(other.map_), node_(other.node_) {}
    reference operator*() const { return node_->item; }
    pointer operator->() const { return &node_->item; }
    Iterator& operator++() {
      node_ = node_->after;
      return *this;
    }
    Iterator operator++(int) {
      auto before = *this;
      ++*this;
      return before;
    }
    Iterator& operator--() {
      node_ = node_ == nullptr ? map_->last_ : node_->before;
      return *this;
    }
    friend bool operator==(const Iterator& a, const Iterator& b) { return a.node_ == b.node_; }

   private:
    friend class GtidMap;
    template <bool>
    friend class Iterator;
    Iterator(const GtidMap* map, Node* node) : map_(map), node_(node) {}
    const GtidMap* map_ = nullptr;
    Node* node_ = nullptr;
  };
  using iterator = Iterator<false>;
  using const_iterator = Iterator<true>;

  GtidMap() = default;
  GtidMap(const GtidMap&) = delete;
  GtidMap& operator=(const GtidMap&) = delete;
  ~GtidMap() {
    for (auto* node = first_; node != nullptr;) delete std::exchange(node, node->after);
  }

  bool empty() const { return size_ == 0; }
  std::size_t size() const { return size_; }
  iterator begin() { return {this, first_}; }
  iterator end() { return {this, nullptr}; }
  const_iterator begin() const { return {this, first_}; }
  const_iterator end() const { return {this, nullptr}; }

  iterator find(const Gtid& gtid) { return {this, look_up(gtid)}; }
  const_iterator find(const Gtid& gtid) const { return {this, look_up(gtid)}; }
  std::size_t count(const Gtid& gtid) const { return look_up(gtid) == nullptr ? 0 : 1; }
  /// It must be there.
  T& at(const Gtid& gtid) { return must_find(gtid)->item.second; }
  const T& at(const Gtid& gtid) const { return must_find(gtid)->item.second; }
  iterator lower_bound(const Gtid& gtid) { return {this, first_from(gtid)}; }
  const_iterator lower_bound(const Gtid& gtid) const { return {this, first_from(gtid)}; }
  const_iterator upper_bound(const Gtid& gtid) const {
    auto* node = first_from(gtid);
    return {this, node != nullptr && node->item.first == gtid ? node->after : node};
  }

  /// Leaves an element that is there already as it is.
  std::pair<iterator, bool> emplace(const Gtid& gtid, T&& value) {
    if (auto* known = look_up(gtid)) return {iterator(this, known), false};
    auto* node = new Node{{gtid, std::move(value)}, nullptr, nullptr};
    if (2 * (size_ + 1) > slots_.size()) grow();
    slots_[free_slot(gtid)] = node;
    link(node);
    ++size_;
    return {iterator(this, node), true};
  }
  /// The element behind it.
  iterator erase(iterator at) {
    auto* node = at.node_;
    auto* after = node->after;
    vacate(slot_of(node));
    unlink(node);
    --size_;
    delete node;
    return {this, after};
  }

 private:
  struct Node {
    value_type item;
    Node* before;
    Node* after;
  };
  /// Neighbours that share the upper half of their gtids: of one coordinator, as a rule.
  struct Run {
    Node* first;
    Node* last;
  };

  std::size_t home(const Gtid& gtid) const { return std::hash<Gtid>{}(gtid) & (slots_.size() - 1); }
  std::size_t next(std::size_t slot) const { return (slot + 1) & (slots_.size() - 1); }

  Node* look_up(const Gtid& gtid) const {
    if (size_ == 0) return nullptr;
    for (auto slot = home(gtid);; slot = next(slot)) {
      auto* node = slots_[slot];
      if (node == nullptr || node->item.first == gtid) return node;
    }
  }
  Node* must_find(const Gtid& gtid) const {
    auto* node = look_up(gtid);
    TROTH_ASSERT(node != nullptr, "gtid {} is not known", gtid);
    return node;
  }
  std::size_t slot_of(const Node* node) const {
    auto slot = home(node->item.first);
    while (slots_[slot] != node) slot = next(slot);
    return slot;
  }
  std::size_t free_slot(const Gtid& gtid) const {
    auto slot = home(gtid);
    while (slots_[slot] != nullptr) slot = next(slot);
    return slot;
  }
  // What stands behind a slot that becomes free moves up, unless it stands where it belongs.
  void vacate(std::size_t hole) {
    for (auto slot = next(hole); slots_[slot] != nullptr; slot = next(slot)) {
      const auto mask = slots_.size() - 1;
      const auto wanted = home(slots_[slot]->item.first);
      if (((slot - wanted) & mask) < ((slot - hole) & mask)) continue;
      slots_[hole] = slots_[slot];
      hole = slot;
    }
    slots_[hole] = nullptr;
  }
  void grow() {
    constexpr std::size_t kFewest = 16;
    slots_.assign(slots_.empty() ? kFewest : 2 * slots_.size(), nullptr);
    for (auto* node = first_; node != nullptr; node = node->after)
      slots_[free_slot(node->item.first)] = node;
  }

  Node* first_from(const Gtid& gtid) const {
    if (auto* known = look_up(gtid)) return known;
    const auto run = runs_.lower_bound(gtid.high());
    if (run == runs_.end()) return nullptr;
    auto* node = run->second.first;
    while (node != nullptr && node->item.first < gtid) node = node->after;
    return node;
  }

  void link(Node* node) {
    const Gtid& gtid = node->item.first;
    const auto [run, is_new] = runs_.try_emplace(gtid.high(), Run{node, node});
    if (is_new) {
      const auto following = std::next(run);
      return link_before(following == runs_.end() ? nullptr : following->second.first, node);
    }
    auto* before = run->second.last;
    while (before != run->second.first && gtid < before->item.first) before = before->before;
    if (gtid < before->item.first) {
      link_before(before, node);
      run->second.first = node;
      return;
    }
    link_before(before->after, node);
    if (before == run->second.last) run->second.last = node;
  }
  void link_before(Node* after, Node* node) {
    node->after = after;
    node->before = after == nullptr ? last_ : after->before;
    (node->before == nullptr ? first_ : node->before->after) = node;
    (after == nullptr ? last_ : after->before) = node;
  }
  void unlink(Node* node) {
    (node->before == nullptr ? first_ : node->before->after) = node->after;
    (node->after == nullptr ? last_ : node->after->before) = node->before;
    const auto run = runs_.find(node->item.first.high());
    if (run->second.first == node && run->second.last == node) {
      runs_.erase(run);
    } else if (run->second.first == node) {
      run->second.first = node->after;
    } else if (run->second.last == node) {
      run->second.last = node->before;
    }
  }

  std::vector<Node*> slots_;  // a power of two, at most half of them taken
  std::map<std::uint64_t, Run> runs_;
  Node* first_ = nullptr;
  Node* last_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace troth
