// An endpoint of outbound webhooks and its receiver, which does as it is told: made, tested, its secret rotated, paused,
// resumed; what it did not take is looked at, posted again and recovered; deleted in the end. A type of events.
import { strict as assert } from "node:assert";
import { found, link } from "../browser.mjs";

const { CONSOLE_URL, KEY, RECEIVERS } = process.env;
const API = CONSOLE_URL.replace(/\/console$/, "");
const RECEIVER = `console-${Date.now()}`;

/** How the receiver answers from now on. */
const answers = async (then) => {
  const set = await fetch(`${RECEIVERS}/_double/receivers/${RECEIVER}`, {
    method: "PUT", headers: { "content-type": "application/json" }, body: JSON.stringify({ then }),
  });
  assert.ok(set.ok, "the receiver listens");
};
const posts = async () => (await (await fetch(`${RECEIVERS}/_double/receivers/${RECEIVER}`)).json()).posts;
/** Hands an event over; whether the endpoint of this page gets it. */
const send = async (type, page) => {
  const sent = await fetch(`${API}/v1/events`, {
    method: "POST", headers: { "content-type": "application/json", authorization: `Bearer ${KEY}` },
    body: JSON.stringify({ type, data: { id: "A-1", total: 250, note: "<script>alert(1)</script>" } }),
  });
  assert.equal(sent.status, 202);
  const { events } = await sent.json();
  return events[0].deliveries.some(({ endpoint_id }) => page.endsWith(endpoint_id));
};
/** Waits for what takes its time on the way: looks again until it is so. */
const until = async (what, look) => {
  for (let tries = 0; tries < 60; tries += 1) {
    if (await look()) return;
    await new Promise((done) => setTimeout(done, 1500));
  }
  assert.fail(`waited in vain: ${what}`);
};

export const job = async ({ page, say }) => {
  if (!RECEIVERS) return;

  // A type of events, whose schema must be one.
  await page.goto(link("/event-types/new-type"));
  await page.fill("#type", "console.order");
  await page.fill("#description", "An order <b>of the walk</b>");
  await page.fill("#schema", '{"type": "objekt"}');
  await page.click("main form button[type=submit]");
  assert.equal(await page.locator("#schema-error").count(), 1, "what is wrong with a schema stands beside it");
  await page.fill("#schema", '{"type": "object", "properties": {"id": {"type": "string", "examples": ["A-7"]}}}');
  await page.click("main form button[type=submit]");
  assert.match(await page.locator("tbody").innerText(), /console\.order/);

  // Made, once its address answers; more rows are had without losing anything.
  await page.goto(link("/endpoints/new"));
  await page.fill("#name", "Walk <img src=x>");
  await page.fill("#url", "http://127.0.0.1:9/nobody");
  await page.check("input[name=event][value='console.order']");
  await page.locator("details:has([name='headers.0.name']) summary").click();
  await page.fill("[name='headers.0.name']", "X-Api-Key");
  await page.fill("[name='headers.0.value']", "CANARY-4711");
  await page.selectOption("#retry_policy", "manual");
  await page.click("button.button[value='test-and-save']");
  assert.match(await page.locator("[role=alert]").innerText(), /test failed/i);
  assert.ok(!(await page.content()).includes("CANARY"), "a header's value is not sent back");
  await page.fill("#url", `${RECEIVERS}/in/${RECEIVER}`);
  await page.locator("details:has([name='filter.conditions.0.field']) summary").click();
  await page.locator("button[value=conditions]").click();
  assert.equal(await page.locator("[name^='filter.conditions.'][name$='.field']").count(), 5, "more rows");
  assert.equal(await page.inputValue("#name"), "Walk <img src=x>");
  await page.fill("[name='filter.conditions.0.field']", "total");
  await page.selectOption("[name='filter.conditions.0.op']", "gte");
  await page.fill("[name='filter.conditions.0.value']", "100");
  await page.fill("[name='headers.0.value']", "CANARY-4711");
  await page.click("button.button[value='test-and-save']");
  const secret = await page.inputValue("#secret");
  assert.match(secret, /^whsec_/);
  await page.click("main a.button");
  await page.waitForURL(/endpoints\/int_[^/]+$/);
  const at = page.url();
  assert.match(await page.locator("h1").innerText(), /<img src=x>/, "a name is text, whatever is in it");
  assert.ok(!(await page.content()).includes(secret) && !(await page.content()).includes("CANARY"), "never again");

  // Tested with a sample that is made from the schema.
  await answers({ status: 200, headers: { "x-walk": "yes" }, body: "<script>alert('thanks')</script>" });
  await page.click("a[href$='/test']");
  await page.click("nav.samples a:has-text('console.order')");
  assert.match(await page.inputValue("#data"), /A-7/);
  await page.click("main form.card button[type=submit]");
  assert.match(await page.locator("[role=alert]").innerText(), /took it/);
  const told = await page.locator("main .facts").innerText();
  assert.match(told, /HTTP 200[\s\S]*x-walk: yes[\s\S]*<script>alert\('thanks'\)/, "status, headers and body, as text");
  assert.equal((await posts()).at(-1).headers["x-api-key"], "CANARY-4711");

  // Rotated: the receiver gets both signatures, and the new secret is seen once.
  await page.goto(`${at}/secret`);
  await page.selectOption("#keep_previous_hours", "168");
  await page.click("main form button[type=submit]");
  const rotated = await page.inputValue("#secret");
  assert.ok(rotated.startsWith("whsec_") && rotated !== secret);
  await page.click("main a.button");
  assert.ok(!(await page.content()).includes(rotated), "never again");
  assert.match(await page.locator("main").innerText(), /The secret before signs until/);

  // Paused and resumed: what came meanwhile is posted then.
  await page.click("form[action$='/pause'] button");
  assert.match(await page.locator(".head .badge").innerText(), /Paused/);
  await answers({ status: 500, body: "database away" });
  const before = (await posts()).length;
  // A new endpoint is heeded within 10 seconds.
  await until("events are for the new endpoint", () => send("console.order", at));
  await page.click("form[action$='/resume'] button");
  assert.match(await page.locator(".head .badge").innerText(), /Active|Failing/);
  await until("what was kept is posted", async () => (await posts()).length > before);
  assert.equal((await posts()).at(-1).headers["webhook-signature"].split(" ").length, 2, "signed twice");

  // What it did not take: the attempt in full, and its event posted again.
  await until("the attempt is listed", async () => {
    await page.goto(`${at}/attempts?status=failed`);
    return (await page.locator("tbody tr").count()) > 0;
  });
  await page.locator("tbody th a").first().click();
  const attempt = await page.locator("main").innerText();
  assert.match(attempt, /HTTP 500[\s\S]*database away[\s\S]*<script>alert\(1\)<\/script>/, "answer and event, as text");
  await answers({ status: 204 });
  const failed = (await posts()).length;
  await page.click("form[action$='/resend'] button");
  assert.match(await page.locator(".toast").innerText(), /queued again/);
  await until("it is posted again", async () => (await posts()).length > failed);
  say({ endpoint: "made, tested, rotated, paused, resumed, an event posted again" });

  // Dead letters by filter, and all since a time.
  await answers({ status: 500 });
  assert.ok(await send("console.order", at));
  await until("a dead letter", async () => {
    await page.goto(`${at}/dead-letters?type=console.*&code=endpoint_error`);
    return (await page.locator("tbody tr").count()) > 0;
  });
  await page.click("form[action$='/redrive'] button");
  assert.match(await page.locator(".toast").innerText(), /Queued again: 1 event/);
  await until("it is a dead letter again", async () => {
    await page.goto(`${at}/dead-letters`);
    return (await page.locator("tbody tr").count()) > 0;
  });
  await answers({ status: 204 });
  const lost = (await posts()).length;
  await page.goto(`${at}/recover`);
  await page.selectOption("#back", "1");
  await page.click("main form button[type=submit]");
  assert.match(await page.locator(".toast").innerText(), /Queued again: 1 event/);
  await until("it is recovered", async () => (await posts()).length > lost);

  // Changed: a header is taken away by a tick; with JavaScript or without.
  await page.goto(`${at}/edit`);
  await page.check("[name='headers.remove']");
  await page.click("button.button[value='test-and-save']");
  assert.match(await page.locator(".toast").innerText(), /saved/);

  // Deleted, after a question.
  await page.click("a[href$='/delete']");
  await page.click("main form button[type=submit]");
  assert.match(await page.locator(".toast").innerText(), /Deleted/);
  assert.equal(await page.locator("tbody", { hasText: "Walk <img" }).count(), 0);
  say({ endpoint: "dead letters posted again, recovered, changed, deleted" });
};

export const pages = async ({ page }) => {
  // The one that takes nothing has the most to show.
  const endpoint = await found(page, "/endpoints", "tbody th a:has-text('Warehouse')");
  if (!endpoint) return [["endpoints", "/endpoints"], ["new-endpoint", "/endpoints/new"]];
  const attempt = await found(page, `${endpoint}/attempts`, "tbody th a");
  const delivery = await found(page, `${endpoint}/dead-letters`, "tbody th a");
  return [
    ["endpoints", "/endpoints"], ["no-endpoint-found", "/endpoints?q=zzzzzz"], ["new-endpoint", "/endpoints/new"],
    ["endpoint", endpoint], ["edit-endpoint", `${endpoint}/edit`], ["rotate-endpoint", `${endpoint}/secret`],
    ["test-endpoint", `${endpoint}/test?type=console.order`], ["delete-endpoint", `${endpoint}/delete`],
    ["attempts", `${endpoint}/attempts`], ["no-attempts", `${endpoint}/attempts?status=cancelled`], ["attempt", attempt],
    ["event-delivery", delivery], ["dead-letters", `${endpoint}/dead-letters`], ["recover", `${endpoint}/recover`],
    ["event-types", "/event-types"], ["new-event-type", "/event-types/new-type"],
    ["event-type", await found(page, "/event-types", "tbody th a")],
  ];
};
