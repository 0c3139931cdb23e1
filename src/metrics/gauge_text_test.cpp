#include "metrics/gauge_text.h"

#include <doctest/doctest.h>

#include "metrics/exposition.h"

namespace b3::metrics {

TEST_CASE("a gauge written as text reads like one that was collected") {
  const std::string odd = "a\"b\\c\nd";
  const std::string broken = "x\xff";
  Families families;
  auto collected = families.gauge("people", "People\nand more.");
  GaugeText text{"people", "People\nand more."};
  for (const auto& value : {odd, broken, std::string("plain")}) {
    for (const double count : {0.0, 2.5, -3.0, 1e20}) {
      collected.add(count, {{"meeting", value}, {"node", "n"}, {"type", "voice"}});
      text.add(label_text({{"meeting", value}, {"node", "n"}}), {"type", "voice"}, count);
    }
  }
  collected.add(7, {{"meeting", "alone"}});
  text.add(label_text({{"meeting", "alone"}}), 7);
  CHECK(expose(ExpositionFormat::open_metrics, {}, std::move(text).take()) ==
        expose(ExpositionFormat::open_metrics, std::move(families).take()));
}

TEST_CASE("without a series there is no family") {
  CHECK(GaugeText("people", "People.").take().empty());
  CHECK(expose(ExpositionFormat::open_metrics, {}, "") == "# EOF\n");
  CHECK(expose(ExpositionFormat::text, {}, "x 1\n") == "x 1\n");
}

}  // namespace b3::metrics
