"""
bench-results.py JSON SVG MARKDOWN SERVER...: what udsd-bench wrote about publish-1 and idle is complete for these
servers.
"""
import json
import sys
import xml.etree.ElementTree as ElementTree

json_path, svg_path, markdown_path, *servers = sys.argv[1:]
with open(json_path) as file:
    root = json.load(file)
assert set(root) == {"machine", "servers", "rounds", "milliseconds", "figures", "results"}, root.keys()
assert set(root["machine"]) == {"system", "release", "machine", "cpus"}, root["machine"]
assert root["rounds"] == 1 and root["milliseconds"] == 20
for server in servers:
    assert server == "floor" or root["servers"][server][0].isdigit(), root["servers"]

figures = {(figure["work"], figure["metric"]): figure for figure in root["figures"]}
assert set(figures) == {("publish-1", "cpu_ns_per_operation"), ("idle", "bytes_each")}, figures.keys()
for figure in root["figures"]:
    assert set(figure) == {"work", "metric", "title", "unit", "values", "goal", "of_redis", "of_redis_goal", "of_floor",
                           "of_floor_goal"}, figure.keys()
    values = figure["values"]
    for server, value in values.items():
        assert (value is not None) == (server in servers), values
    assert abs(figure["of_redis"] - values["udsd"] / values["redis"]) < 0.01, figure
    assert abs(figure["of_floor"] - values["udsd"] / values["floor"]) < 0.01 * figure["of_floor"] + 0.01, figure
assert figures["idle", "bytes_each"]["goal"] == 450

results = {(result["work"], result["server"]): result for result in root["results"]}
assert set(results) == {(work, server) for work in ("publish-1", "idle") for server in servers}, results.keys()
for server in servers:
    result = results["publish-1", server]
    assert set(result) == {"work", "server", "cpu_ns_per_operation", "operations_per_second"}, result
    assert result["cpu_ns_per_operation"]["median"] > 0 and result["cpu_ns_per_operation"]["spread"] == 0
    assert set(result["operations_per_second"]) == {"median", "spread", "of_redis", "of_floor"}, result
    assert result["operations_per_second"]["median"] > 0
    assert set(results["idle", server]) == {"work", "server", "bytes_each"}, results["idle", server]

svg = ElementTree.parse(svg_path).getroot()
name = "{http://www.w3.org/2000/svg}"
assert svg.tag == name + "svg" and svg.find(name + "title") is not None
bars = [rect.get("class") for rect in svg.findall(name + "rect") if rect.get("height") == "9"]
assert sorted(bars) == sorted(servers * 2), bars
bottom = float(svg.get("viewBox").split()[3])
assert all(float(rect.get("y")) + float(rect.get("height")) <= bottom for rect in svg.findall(name + "rect"))

with open(markdown_path) as file:
    lines = file.read().splitlines()
assert lines[:2] == ["before", "<!-- bench -->"] and lines[-2:] == ["<!-- /bench -->", "after"], lines
table = [line for line in lines if line.startswith("|")]
assert len(table) == 4 and len({line.count("|") for line in table}) == 1, table
