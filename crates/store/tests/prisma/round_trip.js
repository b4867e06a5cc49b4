// Reads what the move has made, and writes and reads a row of every table, once through a Prisma client
// generated for the models and once through PostgreSQL's driver. Prints what was counted as JSON.
'use strict';
const assert = require('node:assert/strict');
const { PrismaPg } = require('@prisma/adapter-pg');
const { Client } = require('pg');
const { PrismaClient, Prisma } = require(process.argv[2]);

const connectionString = process.env.DATABASE_URL;

async function throughPrisma() {
  const prisma = new PrismaClient({ adapter: new PrismaPg({ connectionString }) });
  const moved = {};
  for (const model of Object.keys(Prisma.ModelName)) {
    const delegate = prisma[model[0].toLowerCase() + model.slice(1)];
    // Every column of every row is read and decoded.
    moved[model] = (await delegate.findMany()).length;
  }
  const hook = await prisma.webhook.findFirst({ include: { logs: true, brand: true } });
  assert.ok(hook.secret.startsWith('whsec_') && hook.logs.length > 0 && Array.isArray(hook.events));
  const slugs = await prisma.product.findMany({ where: { slug: { startsWith: 'bague-doree-n-1' } } });
  assert.ok(slugs.length > 10);

  const brand = await prisma.brand.create({ data: { name: 'Prisma', slug: 'prisma', settings: { a: [1] } } });
  assert.equal(brand.subscriptionPlan, 'FREE');
  assert.equal(brand.subscriptionStatus, 'TRIALING');
  const brandId = brand.id;
  const product = await prisma.product.create({
    data: { brandId, name: 'Bague dorée', slug: 'bague-doree', price: '149.90', tags: ['or', 'été'], status: 'ACTIVE' },
    include: { zones: true },
  });
  const productId = product.id;
  assert.equal(product.price.toString(), '149.9');
  assert.deepEqual([product.arScale, product.tags, product.images], [1, ['or', 'été'], []]);
  const made = {
    clientSettings: { brandId, webhookEnabled: true },
    customizationZone: { productId, name: 'Gravure', type: 'TEXT', positionX: 1.5, positionY: 2, width: 3, height: 4,
      allowedFonts: ['EB Garamond'] },
    template: { brandId, productId, name: 'T', promptTemplate: '{{ motif }}', variables: { motif: 'text' } },
    generation: { brandId, productId, customizations: { zone: { text: 'Zoë' } }, finalPrompt: 'p', aiProvider: 'openai',
      model: 'm', quality: 'standard', status: 'PROCESSING', cost: '0.040001' },
    invoice: { brandId, stripeInvoiceId: 'in_1', amount: '29.00', status: 'paid', periodStart: new Date(0),
      periodEnd: new Date('2026-02-01T00:00:00.123Z') },
    usageRecord: { brandId, type: 'generation' },
    apiKey: { brandId, name: 'k', key: 'k_1', scopes: ['a'] },
    webhook: { brandId, name: 'w', url: 'https://w.example', secret: 'whsec_x', events: ['AR_VIEW', 'GENERATION_FAILED'] },
  };
  for (const [model, data] of Object.entries(made)) {
    const { id } = await prisma[model].create({ data });
    const read = await prisma[model].findUniqueOrThrow({ where: { id } });
    for (const [field, value] of Object.entries(data)) {
      const same = read[field] instanceof Prisma.Decimal ? new Prisma.Decimal(value).equals(read[field]) : null;
      if (same === null) assert.deepEqual(read[field], value, `${model}.${field}`);
      else assert.ok(same, `${model}.${field}`);
    }
  }
  const webhook = await prisma.webhook.findFirstOrThrow({ where: { brandId } });
  await prisma.webhookLog.create({ data: { webhookId: webhook.id, event: 'ar_view', payload: { a: 1 }, duration: 12 } });
  await prisma.product.update({ where: { id: productId }, data: { name: 'Bague' } });
  await assert.rejects(prisma.product.create({ data: { brandId, name: 'x', slug: 'bague-doree', price: 1 } }),
    (error) => error.code === 'P2002');
  await assert.rejects(prisma.webhookLog.create({ data: { webhookId: 'nowhere', event: 'e', payload: {} } }),
    (error) => error.code === 'P2003');
  await prisma.brand.delete({ where: { id: brandId } });
  assert.equal(await prisma.generation.count({ where: { brandId } }), 0);
  await prisma.usageRecord.deleteMany({ where: { brandId } });
  await prisma.$disconnect();
  return moved;
}

async function throughDriver() {
  const client = new Client({ connectionString });
  await client.connect();
  const insert = async (table, row) => {
    const names = Object.keys(row).map((name) => `"${name}"`).join(', ');
    const places = Object.keys(row).map((_, at) => `$${at + 1}`).join(', ');
    await client.query(`INSERT INTO "${table}" (${names}) VALUES (${places})`, Object.values(row));
    const { rows } = await client.query(`SELECT * FROM "${table}" WHERE id = $1`, [row.id]);
    assert.equal(rows.length, 1, table);
    return rows[0];
  };
  const updatedAt = new Date('2026-01-03T16:01:47.123Z');
  const brandId = 'pg_brand', productId = 'pg_product';
  await client.query('BEGIN');
  const brand = await insert('Brand', { id: brandId, name: 'pg', slug: 'pg', updatedAt });
  assert.equal(brand.maxMonthlyGenerations, 100);
  const product = await insert('Product', { id: productId, brandId, name: 'p', slug: 'p', price: '1.10', updatedAt });
  assert.deepEqual([product.price, product.status, product.outputWidth], ['1.10', 'DRAFT', 1024]);
  await insert('ClientSettings', { id: '1', brandId, updatedAt });
  await insert('CustomizationZone', { id: '1', productId, name: 'z', type: 'FONT', positionX: 0, positionY: 0, width: 1,
    height: 1, updatedAt });
  await insert('Template', { id: '1', brandId, productId, name: 't', promptTemplate: 'p', variables: '{}', updatedAt });
  const generation = await insert('Generation', { id: '1', brandId, productId, publicId: 'pg', customizations: '{"a": 1}',
    finalPrompt: 'p', aiProvider: 'a', model: 'm', quality: 'q' });
  assert.deepEqual([generation.status, generation.customizations], ['PENDING', { a: 1 }]);
  await insert('Invoice', { id: '1', brandId, stripeInvoiceId: 'in_pg', amount: '1', status: 's', periodStart: updatedAt,
    periodEnd: updatedAt });
  await insert('UsageRecord', { id: '1', brandId, type: 'ar_view' });
  await insert('ApiKey', { id: '1', brandId, name: 'k', key: 'pg_k', updatedAt });
  const webhook = await insert('Webhook', { id: '1', brandId, name: 'w', url: 'u', secret: 's', events: '{AR_VIEW}', updatedAt });
  assert.equal(webhook.isActive, true);
  await insert('WebhookLog', { id: '1', webhookId: '1', event: 'e', payload: '{}' });
  await client.query('ROLLBACK');
  await client.end();
}

(async () => {
  const moved = await throughPrisma();
  await throughDriver();
  console.log(JSON.stringify(moved));
})().catch((error) => {
  console.error(error);
  process.exit(1);
});
