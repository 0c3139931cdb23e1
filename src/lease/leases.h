// Which periodic work is this instance's? Asked before the work starts, on the event loop's thread.
//
// A lease saves work, it is no lock: two instances may think that they hold one for a moment, so
// everything done under it must be harmless when done twice.
#pragma once

#include <string>
#include <string_view>

namespace b3::lease {

inline constexpr std::string_view housekeeping = "housekeeping";
inline std::string refresh_of(std::string_view backend_id) {
  return "refresh/" + std::string(backend_id);
}

class Leases {
 public:
  virtual ~Leases() = default;
  virtual bool holds(std::string_view name) const = 0;
  // There is new work that nobody may hold yet: it should be claimed now, not some seconds later.
  virtual void soon() {}
  // Are there other instances that could do it?
  virtual bool has_others() const { return false; }
  // True: this one cannot do the work, and leaves all of it to the others until it says false.
  virtual void step_back(bool) {}
};

// Where there is one instance.
class AllLeases final : public Leases {
 public:
  bool holds(std::string_view) const override { return true; }
};

}  // namespace b3::lease
