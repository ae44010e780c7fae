// A template: copied, looked at in both languages, mended, saved, deleted; and one that was written by somebody hostile.
import { strict as assert } from "node:assert";
import { link, person, prefer, signIn } from "../browser.mjs";

const READY = "/templates/trunkline.email.invitation";

/** A message that would do harm if anything in it ran, loaded or led anywhere. */
const HOSTILE = `<p id="here" style="color: rgb(1, 2, 3)">here</p><script>parent.document.title = "taken"</script>
<img src="https://evil.example/pixel.gif" onerror="top.location = 'https://evil.example/'"><link rel="stylesheet" href="https://evil.example/x.css">
<meta http-equiv="refresh" content="0;url=https://evil.example/"><iframe src="https://evil.example/"></iframe>
<style>p { background-image: url(https://evil.example/b.png) }</style><base href="https://evil.example/">
<form action="https://evil.example/"><button id="send">send</button></form><a id="out" href="https://evil.example/" target="_top">out</a>`;

const hostile = async ({ people, say }) => {
  const page = await people.newPage();
  const asked = [];
  // What the policy forbids never comes this far; Playwright tells of it as a request all the same.
  await page.route("https://evil.example/**", (route) => {
    asked.push(route.request().url());
    return route.abort();
  });
  await page.goto(link("/templates/new"));
  const title = await page.title();
  await page.fill("[name='texts.en.subject']", "x");
  await page.fill("[name='texts.en.text']", "x");
  await page.fill("[name='texts.en.html']", HOSTILE);
  await page.click("button[value=preview]");
  const frame = page.frameLocator("iframe.mail");
  await frame.locator("#here").waitFor();
  await frame.locator("#out").click();
  await frame.locator("#send").click();
  await page.evaluate(() => fetch(location.href).then((answer) => answer.text()));
  assert.deepEqual(asked, [], "nothing is loaded from elsewhere");
  assert.equal(await page.title(), title, "no script ran");
  assert.ok(page.url().endsWith("/templates/new"), "nothing leads away");
  await page.close();
  say({ hostile_template: "caged" });
};

const withoutScript = async ({ browser }) => {
  const plain = await person(browser, { javaScriptEnabled: false });
  await prefer(plain, { language: "ar" });
  const page = await plain.newPage();
  await signIn(page);
  await page.goto(link("/templates/new?from=trunkline.email.reminder"));
  await page.fill("[name='variables.name']", "Mona");
  await page.click("button[value=preview]");
  assert.match(await page.locator("[lang=ar][dir=rtl].reason").innerText(), /تذكير/);
  assert.equal(await page.frameLocator("iframe.mail").first().getByText("Hello Mona,").count(), 1, "looked at without a script");
  await plain.close();
};

export const job = async (at) => {
  const { page, say } = at;
  await page.goto(link(READY));
  const frame = page.frameLocator("iframe.mail").first();
  const painted = (element) => getComputedStyle(element).backgroundColor;
  assert.equal(await frame.locator("a").evaluate(painted), "rgb(31, 95, 191)", "a message looks as its recipient sees it");
  await page.locator("section[aria-labelledby=preview] summary").first().click();
  await page.fill("[name='variables.name']", "Mona <b>");
  await page.click("main form button[type=submit]");
  assert.match(await page.locator("article.preview .reason").first().innerText(), /^Mona <b>, your training/);
  assert.match(await page.locator("article.preview [dir=rtl]").first().innerText(), /تدريبك/);

  await page.click(".head a[href*='from=']");
  await page.fill("[name=id]", "console-welcome");
  await page.fill("[name=name]", "<i>Welcome</i>");
  await page.fill("[name='texts.en.text']", "Hello {{ name }},\n{{ oops");
  await page.click("button[value=preview]");
  assert.match(await page.locator("#texts-en-text-error").innerText(), /line 2/);
  assert.equal(await page.inputValue("[name=id]"), "console-welcome", "what was entered is kept");
  await page.fill("[name='texts.en.text']", "Hello {{ name }} of {{ department }}");
  await page.click("button[value=preview]");
  assert.equal(await page.inputValue("[name='variables.department']"), "[department]", "a sample for each variable");
  await page.fill("[name='variables.department']", "Sales");
  await page.click("button[value=preview]");
  assert.match(await page.locator("article.preview .rendered").first().textContent(), /of Sales$/);
  await page.click("button[value=save]");
  await page.waitForURL(/templates\/console-welcome$/);
  assert.equal(await page.locator("h1").innerText(), "<i>Welcome</i>", "a name is text, whatever is in it");
  await page.click(".head a[href$='/edit']");
  await page.fill("[name=name]", "Welcome");
  await page.click("button[value=save]");
  assert.match(await page.locator(".toast").innerText(), /new version/);
  await page.click(".head a[href$='/delete']");
  await page.click("main form button[type=submit]");
  await page.waitForURL(/templates$/);
  assert.equal(await page.locator("a[href$='/templates/console-welcome']").count(), 0);
  await hostile(at);
  await withoutScript(at);
  say({ template: "copied, looked at, mended, saved, deleted" });
};

export const pages = async () => [
  ["templates", "/templates"], ["template", READY], ["template-slack", "/templates/trunkline.slack.invitation"],
  ["template-new", "/templates/new"], ["template-edit", "/templates/new?from=trunkline.email.invitation"],
];
