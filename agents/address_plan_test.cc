#include "agents/address_plan.h"

#include <gtest/gtest.h>

namespace systole::agents {
namespace {

Address ip(const char* text) { return parse_address(text).value(); }

const std::vector<Link> kLinks{{1, "lo", true, true, true, false, {}},
                               {2, "eth0", true, true, false, true, {2, 0, 0, 0, 0, 1}},
                               {3, "eth1", true, true, false, true, {2, 0, 0, 0, 0, 2}}};
const std::vector<Route> kRoutes{{ip("0.0.0.0"), 0, 2, false, 0},     {ip("10.77.0.0"), 24, 2, true, 0},
                                 {ip("10.77.0.128"), 25, 3, true, 0}, {ip("192.0.2.0"), 24, 2, false, 0},
                                 {ip("10.9.0.0"), 16, 3, true, 200},  {ip("10.9.0.0"), 16, 2, true, 100}};

Wish wish(const char* address) { return {ip(address), "", std::nullopt, "", ""}; }

TEST(Place, TakesInterfaceAndPrefixOfTheMostSpecificNetwork) {
  const auto low = place(wish("10.77.0.100"), kLinks, kRoutes);
  ASSERT_TRUE(low);
  EXPECT_EQ(low->link.name, "eth0");
  EXPECT_EQ(low->prefix, 24U);
  EXPECT_EQ(to_string(*low->broadcast), "10.77.0.255");
  const auto high = place(wish("10.77.0.200"), kLinks, kRoutes);
  ASSERT_TRUE(high);
  EXPECT_EQ(high->link.name, "eth1");
  EXPECT_EQ(high->prefix, 25U);
}

TEST(Place, PrefersTheSmallerMetricOfEqualNetworks) {
  EXPECT_EQ(place(wish("10.9.1.1"), kLinks, kRoutes)->link.name, "eth0");
}

TEST(Place, NeedsAPrefixWhereOnlyTheDefaultRouteMatches) {
  Wish w = wish("198.51.100.1");
  const auto without = place(w, kLinks, kRoutes);
  ASSERT_FALSE(without);
  EXPECT_EQ(without.error().code, Errc::kNotFound);
  EXPECT_NE(without.error().message.find("198.51.100.1"), std::string::npos);
  EXPECT_NE(without.error().message.find("cidr_netmask"), std::string::npos);
  w.prefix = 28;
  const auto with = place(w, kLinks, kRoutes);
  ASSERT_TRUE(with);
  EXPECT_EQ(with->link.name, "eth0");
  EXPECT_EQ(with->prefix, 28U);
}

TEST(Place, DoesNotTakeARouteThroughAGatewayForANetworkOfThisHost) {
  EXPECT_FALSE(place(wish("192.0.2.7"), kLinks, kRoutes));
}

TEST(Place, ObeysAGivenInterfaceAndNamesAMissingOne) {
  Wish w = wish("10.77.0.100");
  w.nic = "eth1";
  EXPECT_EQ(place(w, kLinks, kRoutes)->link.name, "eth1");
  EXPECT_EQ(place(w, kLinks, kRoutes)->prefix, 32U);
  w.nic = "eth7";
  const auto missing = place(w, kLinks, kRoutes);
  ASSERT_FALSE(missing);
  EXPECT_NE(missing.error().message.find("eth7"), std::string::npos);
}

TEST(Place, ReadsALabelAlsoInTheOldNotationOfTheInterface) {
  Wish w = wish("10.77.0.100");
  w.nic = "eth0:1";
  EXPECT_EQ(place(w, kLinks, kRoutes)->label, "eth0:1");
  w.label = "averylonglabel";
  EXPECT_FALSE(place(w, kLinks, kRoutes));
}

TEST(Place, RefusesALinkLocalAddressWithoutAnInterface) {
  EXPECT_FALSE(place(wish("fe80::1"), kLinks, kRoutes));
  Wish w = wish("fe80::1");
  w.nic = "eth0";
  EXPECT_EQ(place(w, kLinks, kRoutes)->prefix, 128U);
}

TEST(Place, LeavesTheBroadcastOutWhenTold) {
  Wish w = wish("10.77.0.100");
  w.broadcast = "-";
  EXPECT_FALSE(place(w, kLinks, kRoutes)->broadcast);
  w.broadcast = "10.77.1.255";
  EXPECT_EQ(to_string(*place(w, kLinks, kRoutes)->broadcast), "10.77.1.255");
  w.broadcast = "everybody";
  EXPECT_FALSE(place(w, kLinks, kRoutes));
}

TEST(Prefix, IsALengthOrANetmask) {
  EXPECT_EQ(parse_prefix("24", false).value(), 24U);
  EXPECT_EQ(parse_prefix("255.255.255.0", false).value(), 24U);
  EXPECT_EQ(parse_prefix("0.0.0.0", false).value(), 0U);
  EXPECT_EQ(parse_prefix("64", true).value(), 64U);
  for (const char* wrong : {"", "33", "-1", "24x", "255.0.255.0", "fe80::"})
    EXPECT_FALSE(parse_prefix(wrong, false)) << wrong;
  EXPECT_FALSE(parse_prefix("129", true));
}

TEST(Address, IsReadAndWrittenInBothFamilies) {
  for (const char* text : {"10.77.0.1", "fd77::1", "::", "255.255.255.255"})
    EXPECT_EQ(to_string(ip(text)), text);
  for (const char* wrong : {"", "10.77.0", "10.77.0.256", "host", "fd77::1%eth0", "10.77.0.1/24"})
    EXPECT_FALSE(parse_address(wrong)) << wrong;
}

}  // namespace
}  // namespace systole::agents
