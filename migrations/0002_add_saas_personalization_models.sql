-- The personalisation models: six enums, six tables, four changed tables, with Prisma's names and types,
-- so that a Prisma client generated for that schema reads and writes them.

-- Rows of the old meaning are carried over by `atelier migrate up`, which does what this file says in steps
-- beside the platform's own programs, takes this file's statements for it, and does not run the file as a
-- whole. Run by any other program, the file refuses such rows: nothing may be lost.
DO $$
BEGIN
    IF EXISTS (SELECT 1 FROM "Product") OR EXISTS (SELECT 1 FROM "Webhook") OR EXISTS (SELECT 1 FROM "WebhookLog") THEN
        RAISE EXCEPTION 'the tables "Product", "Webhook" or "WebhookLog" already hold rows, which only `atelier migrate up` carries over; nothing was changed';
    END IF;
END
$$;

CREATE TYPE "SubscriptionPlan" AS ENUM ('FREE', 'STARTER', 'PROFESSIONAL', 'ENTERPRISE');
CREATE TYPE "SubscriptionStatus" AS ENUM ('ACTIVE', 'PAST_DUE', 'CANCELED', 'TRIALING');
CREATE TYPE "GenerationStatus" AS ENUM ('PENDING', 'PROCESSING', 'COMPLETED', 'FAILED', 'EXPIRED');
CREATE TYPE "CustomizationType" AS ENUM ('TEXT', 'IMAGE', 'COLOR', 'PATTERN', 'FONT', 'SIZE', 'POSITION');
CREATE TYPE "ProductStatus" AS ENUM ('DRAFT', 'ACTIVE', 'ARCHIVED');
CREATE TYPE "WebhookEvent" AS ENUM ('GENERATION_STARTED', 'GENERATION_COMPLETED', 'GENERATION_FAILED', 'AR_VIEW');

ALTER TABLE "Brand"
    ADD COLUMN "subscriptionPlan" "SubscriptionPlan" NOT NULL DEFAULT 'FREE',
    ADD COLUMN "subscriptionStatus" "SubscriptionStatus" NOT NULL DEFAULT 'TRIALING',
    ADD COLUMN "trialEndsAt" TIMESTAMP(3),
    ADD COLUMN "monthlyGenerations" INTEGER NOT NULL DEFAULT 0,
    ADD COLUMN "maxMonthlyGenerations" INTEGER NOT NULL DEFAULT 100,
    ADD COLUMN "maxProducts" INTEGER NOT NULL DEFAULT 5,
    ADD COLUMN "arEnabled" BOOLEAN NOT NULL DEFAULT false,
    ADD COLUMN "whiteLabel" BOOLEAN NOT NULL DEFAULT false,
    ADD COLUMN "deletedAt" TIMESTAMP(3);

ALTER TABLE "Product"
    ADD COLUMN "slug" TEXT NOT NULL,
    ADD COLUMN "baseImage" TEXT,
    ADD COLUMN "baseImageUrl" TEXT,
    ADD COLUMN "thumbnailUrl" TEXT,
    ADD COLUMN "promptTemplate" TEXT,
    ADD COLUMN "negativePrompt" TEXT,
    ADD COLUMN "aiProvider" TEXT NOT NULL DEFAULT 'openai',
    ADD COLUMN "generationQuality" TEXT NOT NULL DEFAULT 'standard',
    ADD COLUMN "outputFormat" TEXT NOT NULL DEFAULT 'png',
    ADD COLUMN "outputWidth" INTEGER NOT NULL DEFAULT 1024,
    ADD COLUMN "outputHeight" INTEGER NOT NULL DEFAULT 1024,
    ADD COLUMN "arEnabled" BOOLEAN NOT NULL DEFAULT true,
    ADD COLUMN "arTrackingType" TEXT NOT NULL DEFAULT 'surface',
    ADD COLUMN "arScale" DOUBLE PRECISION NOT NULL DEFAULT 1.0,
    ADD COLUMN "arOffset" JSONB,
    ADD COLUMN "status" "ProductStatus" NOT NULL DEFAULT 'DRAFT',
    ADD COLUMN "category" TEXT,
    ADD COLUMN "tags" TEXT[],
    ADD COLUMN "publishedAt" TIMESTAMP(3);
CREATE UNIQUE INDEX "Product_brandId_slug_key" ON "Product" ("brandId", "slug");

DROP INDEX "Webhook_idempotencyKey_key";
ALTER TABLE "Webhook"
    DROP COLUMN "event",
    DROP COLUMN "payload",
    DROP COLUMN "statusCode",
    DROP COLUMN "success",
    DROP COLUMN "error",
    DROP COLUMN "idempotencyKey",
    DROP COLUMN "timestamp",
    ADD COLUMN "name" TEXT NOT NULL,
    ADD COLUMN "secret" TEXT NOT NULL,
    ADD COLUMN "events" "WebhookEvent"[],
    ADD COLUMN "isActive" BOOLEAN NOT NULL DEFAULT true,
    ADD COLUMN "lastCalledAt" TIMESTAMP(3),
    ADD COLUMN "lastStatusCode" INTEGER,
    ADD COLUMN "failureCount" INTEGER NOT NULL DEFAULT 0,
    ADD COLUMN "updatedAt" TIMESTAMP(3) NOT NULL;

ALTER TABLE "WebhookLog" RENAME COLUMN "topic" TO "event";
ALTER TABLE "WebhookLog"
    DROP COLUMN "shopDomain",
    DROP COLUMN "status",
    DROP COLUMN "processedAt",
    ADD COLUMN "statusCode" INTEGER,
    ADD COLUMN "response" TEXT,
    ADD COLUMN "error" TEXT,
    ADD COLUMN "duration" INTEGER;
ALTER TABLE "WebhookLog" ADD CONSTRAINT "WebhookLog_webhookId_fkey"
    FOREIGN KEY ("webhookId") REFERENCES "Webhook" ("id") ON DELETE CASCADE ON UPDATE CASCADE;

CREATE TABLE "ClientSettings" (
    "id" TEXT NOT NULL,
    "brandId" TEXT NOT NULL,
    "primaryColor" TEXT NOT NULL DEFAULT '#000000',
    "secondaryColor" TEXT NOT NULL DEFAULT '#ffffff',
    "fontFamily" TEXT NOT NULL DEFAULT 'Inter',
    "borderRadius" INTEGER NOT NULL DEFAULT 8,
    "defaultAiProvider" TEXT NOT NULL DEFAULT 'openai',
    "customApiKey" TEXT,
    "defaultQuality" TEXT NOT NULL DEFAULT 'standard',
    "defaultStyle" TEXT NOT NULL DEFAULT 'realistic',
    "arTrackingType" TEXT NOT NULL DEFAULT 'face',
    "arQuality" TEXT NOT NULL DEFAULT 'medium',
    "emailNotifications" BOOLEAN NOT NULL DEFAULT true,
    "webhookEnabled" BOOLEAN NOT NULL DEFAULT false,
    "createdAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" TIMESTAMP(3) NOT NULL,
    CONSTRAINT "ClientSettings_pkey" PRIMARY KEY ("id")
);
CREATE UNIQUE INDEX "ClientSettings_brandId_key" ON "ClientSettings" ("brandId");

CREATE TABLE "CustomizationZone" (
    "id" TEXT NOT NULL,
    "productId" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "type" "CustomizationType" NOT NULL,
    "positionX" DOUBLE PRECISION NOT NULL,
    "positionY" DOUBLE PRECISION NOT NULL,
    "width" DOUBLE PRECISION NOT NULL,
    "height" DOUBLE PRECISION NOT NULL,
    "rotation" DOUBLE PRECISION NOT NULL DEFAULT 0,
    "maxLength" INTEGER,
    "allowedChars" TEXT,
    "allowedFonts" TEXT[],
    "allowedColors" TEXT[],
    "minSize" INTEGER,
    "maxSize" INTEGER,
    "defaultValue" TEXT,
    "defaultFont" TEXT,
    "defaultColor" TEXT,
    "defaultSize" INTEGER,
    "renderStyle" TEXT NOT NULL DEFAULT 'engraved',
    "order" INTEGER NOT NULL DEFAULT 0,
    "required" BOOLEAN NOT NULL DEFAULT false,
    "createdAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" TIMESTAMP(3) NOT NULL,
    CONSTRAINT "CustomizationZone_pkey" PRIMARY KEY ("id")
);
CREATE INDEX "CustomizationZone_productId_order_idx" ON "CustomizationZone" ("productId", "order");

CREATE TABLE "Template" (
    "id" TEXT NOT NULL,
    "brandId" TEXT NOT NULL,
    "productId" TEXT,
    "name" TEXT NOT NULL,
    "description" TEXT,
    "promptTemplate" TEXT NOT NULL,
    "negativePrompt" TEXT,
    "variables" JSONB NOT NULL,
    "aiProvider" TEXT NOT NULL DEFAULT 'openai',
    "model" TEXT NOT NULL DEFAULT 'dall-e-3',
    "quality" TEXT NOT NULL DEFAULT 'standard',
    "style" TEXT NOT NULL DEFAULT 'natural',
    "exampleOutputs" TEXT[],
    "isDefault" BOOLEAN NOT NULL DEFAULT false,
    "isActive" BOOLEAN NOT NULL DEFAULT true,
    "createdAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" TIMESTAMP(3) NOT NULL,
    CONSTRAINT "Template_pkey" PRIMARY KEY ("id")
);

CREATE TABLE "Generation" (
    "id" TEXT NOT NULL,
    "brandId" TEXT NOT NULL,
    "productId" TEXT NOT NULL,
    "publicId" TEXT NOT NULL,
    "sessionId" TEXT,
    "customizations" JSONB NOT NULL,
    "userPrompt" TEXT,
    "finalPrompt" TEXT NOT NULL,
    "negativePrompt" TEXT,
    "aiProvider" TEXT NOT NULL,
    "model" TEXT NOT NULL,
    "quality" TEXT NOT NULL,
    "status" "GenerationStatus" NOT NULL DEFAULT 'PENDING',
    "outputUrl" TEXT,
    "thumbnailUrl" TEXT,
    "arModelUrl" TEXT,
    "aiResponse" JSONB,
    "processingTime" INTEGER,
    "tokensUsed" INTEGER,
    "cost" DECIMAL(10, 6),
    "errorMessage" TEXT,
    "errorCode" TEXT,
    "retryCount" INTEGER NOT NULL DEFAULT 0,
    "ipAddress" TEXT,
    "userAgent" TEXT,
    "referrer" TEXT,
    "viewedInAr" BOOLEAN NOT NULL DEFAULT false,
    "arViewCount" INTEGER NOT NULL DEFAULT 0,
    "downloadCount" INTEGER NOT NULL DEFAULT 0,
    "sharedCount" INTEGER NOT NULL DEFAULT 0,
    "createdAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "completedAt" TIMESTAMP(3),
    "expiresAt" TIMESTAMP(3),
    CONSTRAINT "Generation_pkey" PRIMARY KEY ("id")
);
CREATE UNIQUE INDEX "Generation_publicId_key" ON "Generation" ("publicId");

CREATE TABLE "Invoice" (
    "id" TEXT NOT NULL,
    "brandId" TEXT NOT NULL,
    "stripeInvoiceId" TEXT NOT NULL,
    "amount" DECIMAL(10, 2) NOT NULL,
    "currency" TEXT NOT NULL DEFAULT 'eur',
    "status" TEXT NOT NULL,
    "periodStart" TIMESTAMP(3) NOT NULL,
    "periodEnd" TIMESTAMP(3) NOT NULL,
    "pdfUrl" TEXT,
    "createdAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "paidAt" TIMESTAMP(3),
    CONSTRAINT "Invoice_pkey" PRIMARY KEY ("id")
);
CREATE UNIQUE INDEX "Invoice_stripeInvoiceId_key" ON "Invoice" ("stripeInvoiceId");

-- No foreign key to "Brand": a record of what was used outlives the brand's row.
CREATE TABLE "UsageRecord" (
    "id" TEXT NOT NULL,
    "brandId" TEXT NOT NULL,
    "type" TEXT NOT NULL,
    "count" INTEGER NOT NULL DEFAULT 1,
    "metadata" JSONB,
    "recordedAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT "UsageRecord_pkey" PRIMARY KEY ("id")
);
CREATE INDEX "UsageRecord_brandId_type_recordedAt_idx" ON "UsageRecord" ("brandId", "type", "recordedAt");

ALTER TABLE "ClientSettings" ADD CONSTRAINT "ClientSettings_brandId_fkey"
    FOREIGN KEY ("brandId") REFERENCES "Brand" ("id") ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE "CustomizationZone" ADD CONSTRAINT "CustomizationZone_productId_fkey"
    FOREIGN KEY ("productId") REFERENCES "Product" ("id") ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE "Template" ADD CONSTRAINT "Template_brandId_fkey"
    FOREIGN KEY ("brandId") REFERENCES "Brand" ("id") ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE "Template" ADD CONSTRAINT "Template_productId_fkey"
    FOREIGN KEY ("productId") REFERENCES "Product" ("id") ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE "Generation" ADD CONSTRAINT "Generation_brandId_fkey"
    FOREIGN KEY ("brandId") REFERENCES "Brand" ("id") ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE "Generation" ADD CONSTRAINT "Generation_productId_fkey"
    FOREIGN KEY ("productId") REFERENCES "Product" ("id") ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE "Invoice" ADD CONSTRAINT "Invoice_brandId_fkey"
    FOREIGN KEY ("brandId") REFERENCES "Brand" ("id") ON DELETE CASCADE ON UPDATE CASCADE;
