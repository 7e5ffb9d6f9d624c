"""The vendor's table of identifiers."""

from dispatcher.audience.identifiers import IDENTIFIERS, Kind, known


def names(*platforms: str) -> list[str]:
    return [each.name for each in known(platforms)]


def test_each_platform_knows_what_the_vendor_lists() -> None:
    assert names("ios") == ["token", "idfa", "idfv", "userId", "devtodevId"]
    assert names("android") == [
        *("token", "advertisingId", "androidId", "serialId", "userId", "devtodevId")
    ]
    assert names("win") == ["token", "advertisingId", "serialId", "userId", "devtodevId"]
    assert names("uwp") == names("win")


def test_several_platforms_know_what_any_of_them_knows_in_one_order() -> None:
    everything = [each.name for each in IDENTIFIERS]
    assert names("android", "ios") == names("ios", "android") == everything


def test_only_the_vendors_own_id_is_a_number() -> None:
    assert [each.name for each in IDENTIFIERS if each.kind is Kind.NUMBER] == ["devtodevId"]
