#include <doctest/doctest.h>

#include "supervisor/core/pool_config.hpp"

namespace scpool::supervisor {

TEST_CASE("keys say what they are for; secrets are marked") {
  for (const SettingSpec& spec : pool_setting_table().specs()) {
    INFO(spec.name);
    CHECK_FALSE(spec.help.empty());
    CHECK(spec.name.find('.') != std::string::npos);
  }
  REQUIRE(pool_setting_table().find("account.access_key") != nullptr);
  CHECK(pool_setting_table().find("account.access_key")->secret);
  CHECK(pool_setting_table().find("pool.size")->type == SettingType::Count);
}

}  // namespace scpool::supervisor
