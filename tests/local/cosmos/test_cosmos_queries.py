"""queries over the official aio client: the supported subset, paging, what Azure refuses and what this emulator does"""

# ruff: noqa: S608 - texts of queries are the subject here

from typing import Any

import pytest
from azure.cosmos import PartitionKey
from azure.cosmos.aio import ContainerProxy, DatabaseProxy
from azure.cosmos.exceptions import CosmosHttpResponseError

from local.cosmos.server import CosmosEmulator

DOCUMENTS: list[dict[str, Any]] = [
    {"id": "1", "n": 1, "s": "Apple pie", "b": True, "tags": ["x", "y"], "o": {"k": 1, "l": {"m": [10, 20]}}},
    {"id": "2", "n": 2.5, "s": "banana", "b": False, "tags": [], "o": {"k": 2}},
    {"id": "3", "n": "10", "s": None, "tags": [{"a": 1, "b": 2}], "order": 1, "value": 5, "group": "g"},
    {"id": "4", "n": None, "s": "Äpfel_100%", "b": "true", "a b": {"c.d": "dotted"}},
    {"id": "5", "s": 'it\'s "quoted"', "n": -3, "nested": [[1, 2], [3]]},
]


@pytest.fixture(params=[1, 4], ids=["one range", "four ranges"])
def cosmos(request: pytest.FixtureRequest, one_range: CosmosEmulator, four_ranges: CosmosEmulator) -> CosmosEmulator:
    return one_range if request.param == 1 else four_ranges


@pytest.fixture
async def filled(container: ContainerProxy) -> ContainerProxy:
    await container.execute_item_batch([("create", ({**document, "pk": "a"},)) for document in DOCUMENTS], "a")
    return container


async def run(
    container: ContainerProxy, text: str, parameters: dict[str, Any] | None = None, **options: Any
) -> list[Any]:
    bound = [{"name": name, "value": value} for name, value in (parameters or {}).items()]
    return [row async for row in container.query_items(text, parameters=bound, **options)]


WHERE: list[tuple[str, dict[str, Any], str]] = [
    ("c.n = 1", {}, "1"),
    ("c.n = 1.0", {}, "1"),
    ("c.n = '10'", {}, "3"),
    ("c.n != 1", {}, "2345"),
    ("c.n <> @n", {"@n": 1}, "2345"),
    ("NOT (c.n = 1)", {}, "2345"),
    ("c.n > 0", {}, "12"),
    ("c.n >= -3 AND c.n <= 2", {}, "15"),
    ("c.n BETWEEN 1 AND 2.5", {}, "12"),
    ("c.n NOT BETWEEN 1 AND 2", {}, "25"),
    ("c.n > '0'", {}, "3"),
    ("c.n < 'z'", {}, "3"),
    ("c.n = null", {}, "4"),
    ("IS_NULL(c.n)", {}, "4"),
    ("c.b", {}, "1"),
    ("c.b = true", {}, "1"),
    ("c.b = false", {}, "2"),
    ("NOT c.b", {}, "2"),
    ("c.b = 'true'", {}, "4"),
    ("IS_DEFINED(c.b)", {}, "124"),
    ("NOT IS_DEFINED(c.b)", {}, "35"),
    ("c.b = undefined", {}, ""),
    ("c.missing = null", {}, ""),
    ("c.missing != 1", {}, ""),
    ("(c.missing = 1) OR c.n = 1", {}, "1"),
    ("c.n IN (1, '10', @x)", {"@x": -3}, "135"),
    ("c.n NOT IN (1, 2.5)", {}, "345"),
    ("c.s LIKE '%an%'", {}, "2"),
    ("c.s LIKE 'b_n%a'", {}, "2"),
    ("c.s LIKE '[A-C]pple%'", {}, "1"),
    ("c.s LIKE '%100!%' ESCAPE '!'", {}, "4"),
    ("c.s NOT LIKE '%a%'", {}, "145"),
    ("STARTSWITH(c.s, 'app', true)", {}, "1"),
    ("STARTSWITH(c.s, 'app')", {}, ""),
    ("ENDSWITH(c.s, 'ana')", {}, "2"),
    ("CONTAINS(c.s, @part)", {"@part": "it's \""}, "5"),
    ("CONTAINS(c.s, 'PIE', true)", {}, "1"),
    ("LOWER(c.s) = 'apple pie'", {}, "1"),
    ("UPPER(c.s) = 'BANANA'", {}, "2"),
    ("LENGTH(c.s) = 6", {}, "2"),
    ("SUBSTRING(c.s, 0, 3) = 'ban'", {}, "2"),
    ("CONCAT(c.s, '!') = 'banana!'", {}, "2"),
    ("c.s || '!' = 'banana!'", {}, "2"),
    ("ARRAY_CONTAINS(c.tags, 'x')", {}, "1"),
    ("ARRAY_CONTAINS(c.tags, {'a': 1}, true)", {}, "3"),
    ("ARRAY_CONTAINS(c.tags, {'a': 1})", {}, ""),
    ("ARRAY_CONTAINS(@ids, c.id)", {"@ids": ["2", "4"]}, "24"),
    ("ARRAY_LENGTH(c.tags) > 0", {}, "13"),
    ("c.tags = []", {}, "2"),
    ("c.tags = ['x', 'y']", {}, "1"),
    ("c.o = {'k': 2}", {}, "2"),
    ("c.o.k = 1", {}, "1"),
    ('c["o"]["k"] = 1', {}, "1"),
    ("c.o.l.m[1] = 20", {}, "1"),
    ("c.nested[0][1] = 2", {}, "5"),
    ('c["a b"]["c.d"] = "dotted"', {}, "4"),
    ("c[@name] = 1", {"@name": "n"}, "1"),
    ("c.order = 1 AND c.value = 5 AND c.group = 'g'", {}, "3"),
    ("c.n + 1 = 2", {}, "1"),
    ("c.n * 2 - 1 = 4", {}, "2"),
    ("c.n % 2 = 1", {}, "1"),
    ("c.n / 0 = 1", {}, ""),
    ("-c.n = 3", {}, "5"),
    ("ABS(c.n) = 3 OR FLOOR(c.n) = 2 OR ROUND(c.n) = 1", {}, "125"),
    ("(c.missing ?? c.n) = 1", {}, "1"),
    ("(c.n ?? 7) = null", {}, "4"),
    ("IS_NUMBER(c.n) AND NOT IS_STRING(c.n)", {}, "125"),
    ("IS_STRING(c.n) OR IS_BOOL(c.b) OR IS_ARRAY(c.nested) OR IS_OBJECT(c.o)", {}, "1235"),
    ("(c.n = 1) = true", {}, "1"),
    ("c.pk = 'a' AND c._ts > 0 AND c.id = '1'", {}, "1"),
    ("true", {}, "12345"),
    ("1 = 1", {}, "12345"),
    ("'x'", {}, ""),
    ("c.s = @injected", {"@injected": "' OR 1=1 --"}, ""),
]


async def test_a_filter_keeps_what_it_is_true_for(filled: ContainerProxy) -> None:
    found = {
        where: "".join(
            sorted(await run(filled, f"SELECT VALUE c.id FROM c WHERE {where}", parameters, partition_key="a"))
        )
        for where, parameters, _ in WHERE
    }

    assert found == {where: expected for where, _, expected in WHERE}


SELECT: list[tuple[str, list[Any]]] = [
    ("SELECT c.id, c.n FROM c WHERE c.id = '1'", [{"id": "1", "n": 1}]),
    ("SELECT c.id, c.missing FROM c WHERE c.id = '1'", [{"id": "1"}]),
    ("SELECT VALUE c.missing FROM c", []),
    ("SELECT VALUE c.n FROM c ORDER BY c.id", [1, 2.5, "10", None, -3]),
    ("SELECT c.o.l.m FROM c WHERE c.id = '1'", [{"m": [10, 20]}]),
    ("SELECT c.o.l.m[0] AS first FROM c WHERE c.id = '1'", [{"first": 10}]),
    ("SELECT c.n + 1 FROM c WHERE c.id = '1'", [{"$1": 2}]),
    ("SELECT VALUE {'x': c.n, 'y': [c.id, c.missing], 'z': c.missing} FROM c WHERE c.id = '1'", [{"x": 1, "y": ["1"]}]),
    ("SELECT c.n > 1 AS big, NOT c.b AS no FROM c WHERE c.id = '1'", [{"big": False, "no": False}]),
    ("SELECT VALUE c.n > 1 FROM c WHERE c.id = '3'", []),
    ("SELECT {} AS empty, [] AS nothing FROM c WHERE c.id = '1'", [{"empty": {}, "nothing": []}]),
    ("SELECT VALUE 'grün' FROM c WHERE c.id = '1'", ["grün"]),
    ("SELECT root.id FROM root WHERE root.id = '1'", [{"id": "1"}]),
    ("SELECT r.id FROM container r WHERE r.id = '1'", [{"id": "1"}]),
    ("select value r.id from container as r where r.id = '1'", ["1"]),
    ("SELECT TOP 2 VALUE c.id FROM c ORDER BY c.id DESC", ["5", "4"]),
    ("SELECT VALUE c.id FROM c ORDER BY c.n", ["4", "5", "1", "2", "3"]),
    ("SELECT VALUE c.id FROM c ORDER BY c.n DESC", ["3", "2", "1", "5", "4"]),
    ("SELECT VALUE c.id FROM c ORDER BY c.b", ["3", "5", "2", "1", "4"]),
    ("SELECT VALUE c.id FROM c ORDER BY c.id OFFSET 1 LIMIT 2", ["2", "3"]),
    ("SELECT VALUE c.id FROM c ORDER BY c.id OFFSET 4 LIMIT 10", ["5"]),
    ("SELECT VALUE c.id FROM c ORDER BY c.id OFFSET 0 LIMIT 0", []),
    ("SELECT DISTINCT VALUE IS_DEFINED(c.b) FROM c", [True, False]),
    ("SELECT VALUE COUNT(1) FROM c", [5]),
    ("SELECT VALUE COUNT(c.b) FROM c", [3]),
    ("SELECT VALUE SUM(c.n) FROM c WHERE IS_NUMBER(c.n)", [0.5]),
    ("SELECT VALUE SUM(c.n) FROM c", []),
    ("SELECT VALUE AVG(c.n) FROM c WHERE c.n >= 1", [1.75]),
    ("SELECT VALUE MIN(c.n) FROM c", [None]),
    ("SELECT VALUE MAX(c.n) FROM c", ["10"]),
    ("SELECT VALUE MAX(c.n) FROM c WHERE c.n > 99", []),
    ("SELECT COUNT(1) AS n, MAX(c.id) AS last FROM c", [{"n": 5, "last": "5"}]),
    ("SELECT VALUE {'n': COUNT(1), 'double': COUNT(1) * 2} FROM c", [{"n": 5, "double": 10}]),
    ("SELECT c.pk, COUNT(1) AS n FROM c GROUP BY c.pk", [{"pk": "a", "n": 5}]),
    ("SELECT VALUE [IS_NUMBER(c.n), COUNT(1)] FROM c GROUP BY IS_NUMBER(c.n)", [[True, 3], [False, 2]]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), SELECT, ids=[text for text, _ in SELECT])
async def test_a_selection_gives_what_cosmos_gives(filled: ContainerProxy, text: str, expected: list[Any]) -> None:
    found = await run(filled, text, partition_key="a")

    assert found == expected
    assert [type(value) for value in found] == [type(value) for value in expected]


async def test_select_star_gives_the_item_as_it_is_read(filled: ContainerProxy) -> None:
    (found,) = await run(filled, "SELECT * FROM c WHERE c.id = @id", {"@id": "1"}, partition_key="a")

    assert found == await filled.read_item("1", "a")


async def test_a_query_may_cross_partitions(container: ContainerProxy) -> None:
    for n in range(20):
        await container.create_item({"id": str(n), "pk": f"p{n}", "n": n})

    assert await run(container, "SELECT VALUE c.n FROM c WHERE c.n >= 15 ORDER BY c.n DESC") == [19, 18, 17, 16, 15]
    assert await run(container, "SELECT VALUE COUNT(1) FROM c") == [20]
    assert await run(container, "SELECT VALUE SUM(c.n) FROM c") == [190]
    assert await run(container, "SELECT VALUE c.n FROM c WHERE c.n = 3", partition_key="p4") == []


@pytest.mark.parametrize("text", ["SELECT c.pk, COUNT(1) AS n FROM c GROUP BY c.pk", "SELECT COUNT(1) AS n FROM c"])
async def test_what_the_sdk_cannot_do_across_partitions_in_azure_is_refused(filled: ContainerProxy, text: str) -> None:
    with pytest.raises(CosmosHttpResponseError, match="VALUE <AggregateFunc>") as caught:
        await run(filled, text)

    assert caught.value.status_code == 400


async def test_an_order_by_two_properties_needs_a_composite_index(
    database: DatabaseProxy, filled: ContainerProxy, fresh_name: str
) -> None:
    policy = {"compositeIndexes": [[{"path": "/a", "order": "ascending"}, {"path": "/b", "order": "descending"}]]}
    indexed = await database.create_container(fresh_name, PartitionKey("/pk"), indexing_policy=policy)
    for n, (a, b) in enumerate([(1, 1), (2, 1), (1, 2)]):
        await indexed.create_item({"id": str(n), "pk": "a", "a": a, "b": b})

    ahead = await run(indexed, "SELECT VALUE c.id FROM c ORDER BY c.a, c.b DESC", partition_key="a")
    back = await run(indexed, "SELECT VALUE c.id FROM c ORDER BY c.a DESC, c.b ASC", partition_key="a")

    assert (ahead, back) == (["2", "0", "1"], ["1", "0", "2"])
    with pytest.raises(CosmosHttpResponseError, match="composite index"):
        await run(indexed, "SELECT * FROM c ORDER BY c.a, c.b", partition_key="a")
    with pytest.raises(CosmosHttpResponseError, match=r"add \(/n ascending, /s ascending\)"):
        await run(filled, "SELECT * FROM c ORDER BY c.n, c.s", partition_key="a")


@pytest.mark.parametrize(
    "text",
    [
        "SELECT VALUE c.n FROM c",
        "SELECT VALUE c.n FROM c ORDER BY c.n",
        "SELECT VALUE c.n FROM c ORDER BY c.n DESC",
        "SELECT VALUE c.n FROM c ORDER BY c.half DESC",
        "SELECT TOP 17 VALUE c.n FROM c",
        "SELECT VALUE c.n FROM c ORDER BY c.n OFFSET 3 LIMIT 11",
        "SELECT DISTINCT VALUE c.half FROM c",
        "SELECT DISTINCT VALUE c.half FROM c ORDER BY c.half DESC",
    ],
)
async def test_pages_put_together_are_the_whole_result(container: ContainerProxy, text: str) -> None:
    await container.execute_item_batch(
        [("create", ({"id": str(n), "pk": "a", "n": n * 7 % 23, "half": n // 2},)) for n in range(23)], "a"
    )
    whole = await run(container, text, partition_key="a")

    pager = container.query_items(text, partition_key="a", max_item_count=4).by_page()
    pages = [[row async for row in page] async for page in pager]

    assert [row for page in pages for row in page] == whole
    assert all(len(page) == 4 for page in pages[:-1])
    assert len(whole) in (11, 12, 17, 23)


async def test_a_continuation_is_not_moved_by_what_is_written_meanwhile(container: ContainerProxy) -> None:
    await container.execute_item_batch([("create", ({"id": str(n), "pk": "a", "n": n},)) for n in range(9)], "a")
    text = "SELECT VALUE c.n FROM c WHERE c.n < 100 ORDER BY c.n"

    pager = container.query_items(text, partition_key="a", max_item_count=3).by_page()
    first = [row async for row in await anext(pager)]
    for n in (0, 1, 2):
        await container.patch_item(str(n), "a", [{"op": "set", "path": "/n", "value": 1000}])
    resumed = container.query_items(text, partition_key="a", max_item_count=3).by_page(pager.continuation_token)
    rest = [row async for page in resumed async for row in page]

    assert first == [0, 1, 2]
    assert rest == [3, 4, 5, 6, 7, 8]


REFUSED: list[tuple[str, str]] = [
    ("SELECT * FROM c JOIN t IN c.tags", "JOIN"),
    ("SELECT * FROM c WHERE EXISTS(SELECT VALUE t FROM t IN c.tags)", "supported are SELECT"),
    ("SELECT * FROM c WHERE c.n IN (SELECT c.n FROM c)", "IN without a list"),
    ("SELECT (SELECT 1) FROM c", "SUBQUERY"),
    ("SELECT udf.twice(c.n) FROM c", "udf"),
    ("SELECT ST_DISTANCE(c.a, c.b) FROM c", "function ST_DISTANCE"),
    ("SELECT c.n ? 1 : 2 FROM c", "Syntax error"),
    ("SELECT n FROM c", "identifier 'n' could not be resolved"),
    ("SELECT * FROM c WHERE x.n = 1", "identifier 'x' could not be resolved"),
    ("SELECT * FROM c WHERE c.n = @x", "@x, which is not among the parameters given"),
    ("SELECT * FROM c WHERE c.n =", "Syntax error"),
    ("SELECT *", "no FROM"),
    ("DROP TABLE items", "begins with SELECT"),
    ("SELECT * FROM c; DELETE FROM c", "more or other than one SELECT"),
    ("SELECT * FROM c UNION ALL SELECT * FROM c", "more or other than one SELECT"),
    ("WITH x AS (SELECT 1) SELECT * FROM x", "begins with SELECT"),
    ("SELECT * FROM c, d", "JOIN"),
    ("SELECT * FROM a.b", "FROM a.b"),
    ("SELECT * FROM c LIMIT 3", "OFFSET n LIMIT m"),
    ("SELECT TOP 3 * FROM c OFFSET 1 LIMIT 2", "TOP cannot be combined"),
    ("SELECT * FROM c OFFSET 0 LIMIT -1", "LIMIT takes a whole number"),
    ("SELECT * FROM c ORDER BY c.n + 1", "ORDER BY"),
    ("SELECT c.id, COUNT(1) FROM c", "neither grouped by nor aggregated"),
    ("SELECT c.s FROM c GROUP BY c.n", "neither grouped by nor aggregated"),
    ("SELECT c.n FROM c GROUP BY c.n ORDER BY c.n", "ORDER BY together with GROUP BY"),
    ("SELECT * FROM c WHERE COUNT(1) > 1", "only possible in what is selected"),
    ("SELECT SUM(COUNT(1)) FROM c", "not inside another aggregate"),
    ("SELECT COUNT(*) FROM c", "exactly one expression"),
    ("SELECT c.n, c.n FROM c", "selected twice"),
    ("SELECT VALUE c.n, c.s FROM c", "exactly one expression"),
    ("SELECT LOWER(c.s, 1) FROM c", "LOWER takes 1 argument"),
    ('SELECT c["a\\"b"] FROM c', "property name"),
    ("SELECT * FROM c WHERE c.s IS NULL", "IS"),
    ("SELECT CAST(c.n AS STRING) FROM c", "CAST"),
]


@pytest.mark.parametrize(("text", "says"), REFUSED, ids=[text for text, _ in REFUSED])
async def test_what_is_outside_the_subset_is_refused_by_name(filled: ContainerProxy, text: str, says: str) -> None:
    with pytest.raises(CosmosHttpResponseError) as caught:
        await run(filled, text, partition_key="a")

    assert caught.value.status_code == 400
    assert says in str(caught.value)


async def test_a_thousand_alternatives_are_not_too_many(filled: ContainerProxy) -> None:
    alternatives = " OR ".join(f"(c.id = '{n}' AND c.pk = 'a')" for n in range(1000))

    found = await run(filled, f"SELECT VALUE c.id FROM c WHERE {alternatives}", partition_key="a")

    assert found == ["1", "2", "3", "4", "5"]


async def test_a_query_nested_too_deeply_is_a_400(filled: ContainerProxy) -> None:
    with pytest.raises(CosmosHttpResponseError) as caught:
        await run(filled, f"SELECT * FROM c WHERE {'(' * 3000}true{')' * 3000}", partition_key="a")

    assert caught.value.status_code == 400


async def test_databases_and_containers_are_listed_and_queried(
    database: DatabaseProxy, container: ContainerProxy, fresh_name: str
) -> None:
    await database.create_container(fresh_name, PartitionKey("/pk"))

    listed = [entry["id"] async for entry in database.list_containers()]
    parameters: list[dict[str, Any]] = [{"name": "@id", "value": fresh_name}]
    queried = [
        e["id"] async for e in database.query_containers("SELECT * FROM c WHERE c.id = @id", parameters=parameters)
    ]

    assert {container.id, fresh_name} <= set(listed)
    assert queried == [fresh_name]
