// A rule: written row by row, what is wrong with it told, tried on an example, saved; it runs; it is switched off and deleted.
import { strict as assert } from "node:assert";
import { found, link } from "../browser.mjs";

const { CONSOLE_URL, KEY } = process.env;
const API = CONSOLE_URL.replace(/\/console$/, "");
const call = async (path, method = "GET") => {
  const answer = await fetch(API + path, { method, headers: { authorization: `Bearer ${KEY}` } });
  return answer.json();
};

export const job = async ({ page, say }) => {
  await page.goto(link("/rules"));
  await page.click("main a[href$='/rules/new']");
  await page.fill("#name", "Look after <b>Slack</b>");
  await page.check("input[value='webhook.received']");
  await page.click("button[value='add-condition']");
  assert.equal(await page.inputValue("#name"), "Look after <b>Slack</b>", "what was entered is kept");
  assert.ok(await page.isChecked("input[value='webhook.received']"));
  // The new row has the focus.
  await page.waitForFunction(() => document.activeElement.id === "condition-0");
  await page.fill("[name='filter.conditions[0].field']", "replay");
  await page.selectOption("[name='filter.conditions[0].op']", "gte");
  await page.fill("[name='filter.conditions[0].value']", "one");
  await page.click("button[value='remove-action-0']");
  await page.click("button[value='add-test']");
  await page.selectOption("[name='actions[0].integration_id']", { label: "Team Slack" });
  await page.click("button.button[value='save']");
  assert.match(await page.locator("[aria-invalid=true] ~ .error").innerText(), /number/);
  await page.fill("[name='filter.conditions[0].value']", "1");
  await page.click("button[value='try']");
  assert.match(await page.locator("section:has(#tried)").innerText(), /It would not run[\s\S]*conditions do not hold/);
  await page.fill("#event", '{"replay": 1}');
  await page.click("button[value='try']");
  assert.match(await page.locator("section:has(#tried)").innerText(), /It would run[\s\S]*Can be done/);
  await page.click("button.button[value='save']");
  await page.waitForURL(/rules\/rul_/);
  assert.match(await page.locator("h1").innerText(), /Look after <b>Slack<\/b>/, "a name is text");
  say({ rule: "written, tried, saved" });

  const rule = page.url();
  const hook = (await call("/v1/hooks")).items[0];
  const event = hook && (await call(`/v1/hooks/${hook.id}/events`)).items[0];
  if (event) {
    // A new rule is heeded within half a minute.
    for (let tries = 0; !(await page.locator("#runs ~ table").count()); tries += 1) {
      assert.ok(tries < 40, "the rule runs");
      if (tries % 8 === 0) await call(`/v1/hooks/${hook.id}/events/${event.id}/replay`, "POST");
      await page.waitForTimeout(2500);
      await page.goto(rule);
    }
    assert.match(await page.locator("#runs ~ table").innerText(), /A webhook comes in/);
    say({ rule: "runs" });
  }

  await page.click("main a[href$='/try']");
  await page.selectOption("#event", "delivery.failed");
  await page.click("form[method=get] button");
  assert.match(await page.inputValue("#detail"), /deliveries/);
  await page.click("main form[method=post] button");
  assert.match(await page.locator("section:has(#tried)").innerText(), /does not wait for this event/);
  await page.goto(rule);
  await page.click("form[action$='/disable'] button");
  assert.match(await page.locator(".head .badge").first().innerText(), /Disabled/);
  await page.click("form[action$='/enable'] button");
  assert.match(await page.locator(".head .badge").first().innerText(), /Active/);

  // One that is not needed is deleted, after a question.
  await page.goto(link("/rules/new?event=delivery.failed"));
  await page.fill("#name", "Not needed");
  await page.fill("[name='actions[0].to']", "team@example.com");
  await page.fill("[name='actions[0].message.subject']", "{{ event }}");
  await page.fill("[name='actions[0].message.text']", "{{ detail.deliveries[0].code }}");
  await page.keyboard.press("Tab");
  await page.click("button.button[value='save']");
  await page.waitForURL(/rules\/rul_/);
  await page.click("main a[href$='/delete']");
  await page.click("main form button.danger");
  assert.match(await page.locator(".toast").innerText(), /Deleted/);
  say({ rule: "switched, deleted" });
};

export const pages = async ({ page }) => {
  const rule = await found(page, "/rules", "tbody th a");
  const of = (part) => rule && rule + part;
  return [
    ["rules", "/rules"], ["new-rule", "/rules/new"], ["rule", rule], ["edit-rule", of("/edit")], ["try-rule", of("/try")],
    ["delete-rule", of("/delete")],
  ];
};
