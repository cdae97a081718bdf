import { expect, it, test } from "vitest";

import { parsePeppers } from "../../src/core/peppers.ts";
import { readStoreMarker, sealStoreMarker } from "../../src/core/store-marker.ts";
import { countedPeppers } from "../support/counted-peppers.ts";
import { pepperOf } from "../support/stage.ts";

const TYPE = "urn:acme:api-key";
const OTHER_TYPE = "urn:other:api-key";
const marker = sealStoreMarker(TYPE, parsePeppers(pepperOf("one")));

/** Peppers under which the deployment's marker was found right. */
function havingSeen(text = pepperOf("one")) {
  const { peppers, taken } = countedPeppers(text);
  expect(readStoreMarker(marker, TYPE, peppers)).toBe("ours");
  taken.seals = 0;
  return { peppers, taken };
}

test("a marker that was found right is not checked again", () => {
  const { peppers, taken } = havingSeen();
  expect(readStoreMarker(marker, TYPE, peppers)).toBe("ours");
  expect(taken.seals).toBe(0);
});

test("a marker that is altered after that is refused, however often, and the right one stays right", () => {
  const { peppers } = havingSeen();
  const altered = [
    ...Array.from(
      marker,
      (letter, at) => marker.slice(0, at) + (letter === "A" ? "B" : "A") + marker.slice(at + 1),
    ),
    ...Array.from(marker, (_, at) => marker.slice(0, at)),
    `${marker} `,
    `${marker}\0`,
    ` ${marker}`,
    `${marker}}`,
    marker + marker,
    marker.toLowerCase(),
    marker.replace(":", ": "),
  ];
  for (const text of [...altered, ...altered]) {
    expect(readStoreMarker(text, TYPE, peppers), text).toBe("foreign");
    expect(readStoreMarker(marker, TYPE, peppers)).toBe("ours");
  }
  expect(readStoreMarker(null, TYPE, peppers)).toBe("missing");
});

it.each<[string, string, "ours" | "foreign"]>([
  ["other peppers", pepperOf("two"), "foreign"],
  ["peppers that are the same", pepperOf("one"), "ours"],
  ["a pepper beside it", `2:${pepperOf("two")} 1:${pepperOf("one")}`, "ours"],
])("a marker that was found right is checked anew under %s", (_, text, expected) => {
  havingSeen();
  const { peppers, taken } = countedPeppers(text);
  expect(readStoreMarker(marker, TYPE, peppers)).toBe(expected);
  expect(taken.seals).toBeGreaterThan(0);
});

test("a marker that was found right is foreign to another deployment with the same peppers", () => {
  const { peppers } = havingSeen();
  const others = sealStoreMarker(OTHER_TYPE, peppers);
  expect(readStoreMarker(marker, OTHER_TYPE, peppers)).toBe("foreign");
  expect(readStoreMarker(others, TYPE, peppers)).toBe("foreign");
  expect(readStoreMarker(others, OTHER_TYPE, peppers)).toBe("ours");
  expect(readStoreMarker(marker, OTHER_TYPE, peppers)).toBe("foreign");
  expect(readStoreMarker(marker, TYPE, peppers)).toBe("ours");
});

test("a marker that was refused is checked each time", () => {
  const { peppers, taken } = havingSeen();
  const forged = sealStoreMarker(TYPE, parsePeppers(pepperOf("stranger")));
  for (let times = 1; times <= 3; times++) {
    expect(readStoreMarker(forged, TYPE, peppers)).toBe("foreign");
    expect(taken.seals).toBe(times);
  }
});
