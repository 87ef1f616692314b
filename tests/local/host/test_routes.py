import pytest

from local.host.routes import Route


@pytest.mark.parametrize(
    ("template", "says"),
    [
        ("a/{id", "is not understood"),
        ("a/x{id}", "is not understood"),
        ("{a}/{a}", "two parameters a"),
        ("{id:regex}", "constraint 'regex' is not known"),
        ("{*rest}/b", "must be the last segment"),
        ("{id?}/b", "must be the last segment"),
        (None, "a route is text"),
    ],
)
def test_a_route_that_is_none_is_refused(template: str | None, says: str) -> None:
    with pytest.raises(ValueError) as caught:
        Route.parse(template)
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("template", "path", "bound"),
    [
        ("", "/", {}),
        ("a/b", "/A/B/", {}),
        ("a/b", "/a/b/c", None),
        ("a.b", "/axb", None),
        ("{id:guid}", "/0f8fad5b-d9cb-469f-a165-70867728950e", {"id": "0f8fad5b-d9cb-469f-a165-70867728950e"}),
        ("{id:guid}", "/1", None),
        ("{id:bool}/{name:alpha}", "/true/x", {"id": "true", "name": "x"}),
        ("{id}", "/a%2Fb", {"id": "a/b"}),
        ("{**all}", "/x/y", {"all": "x/y"}),
    ],
)
def test_a_route_binds_its_parameters(template: str, path: str, bound: dict[str, str] | None) -> None:
    assert Route.parse(template).match(path) == bound
