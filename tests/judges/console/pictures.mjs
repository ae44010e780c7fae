// Takes the pictures of the console that the README shows: `cargo trunkline screenshots`. Reads from the environment where
// the console is, with which key to sign in and where the pictures go; prints what it took.
import { strict as assert } from "node:assert";
import { mkdir, stat } from "node:fs/promises";
import { found, launch, link, person, prefer, say, signIn } from "./browser.mjs";

/** Somebody loads the README over a slow line. */
const LARGEST_BYTES = 150_000;
const DESK = { width: 1200, height: 760 };

const { TO } = process.env;
await mkdir(TO, { recursive: true });
const browser = await launch();
const people = await person(browser, { viewport: DESK, reducedMotion: "reduce" });
const page = await people.newPage();
await signIn(page);

const endpoint = await found(page, "/endpoints", "tbody th a");
const campaign = await found(page, "/campaigns", "tbody th a");
const pictures = [
  ["dashboard", "", { language: "en", theme: "light" }],
  ["dashboard-arabic", "", { language: "ar", theme: "dark", digits: "indic" }],
  ["integration-form", "/integrations/new/smtp", { language: "en", theme: "dark" }],
  ["campaign", campaign, { language: "en", theme: "light" }],
  ["endpoint-arabic", endpoint, { language: "ar", theme: "light" }],
  ["logs", "/logs", { language: "en", theme: "dark" }],
];
for (const [name, path, how] of pictures) {
  assert.ok(path !== undefined, `there is nothing for the picture ${name}`);
  await prefer(people, how);
  await page.goto(link(path));
  await page.evaluate(() => document.fonts.ready);
  const picture = `${TO}/${name}.png`;
  await page.screenshot({ path: picture });
  const { size } = await stat(picture);
  assert.ok(size <= LARGEST_BYTES, `${name} has ${size} bytes`);
  say({ picture: name, bytes: size });
}
await browser.close();
