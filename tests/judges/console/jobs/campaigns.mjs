// Campaigns, where the tenant has any.
import { found } from "../browser.mjs";

export const pages = async ({ page }) => {
  const campaign = await found(page, "/campaigns", "tbody th a");
  const delivery = campaign && (await found(page, campaign, "tbody th a"));
  return [["campaigns", "/campaigns"], ["campaign", campaign], ["delivery", delivery]];
};
