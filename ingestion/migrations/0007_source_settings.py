import django.core.validators
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("ingestion", "0006_group_sources")]

    operations = [
        migrations.AddField(
            model_name="source",
            name="description",
            field=models.TextField(blank=True, db_default="", default="", help_text="What it is and where."),
        ),
        migrations.AddField(
            model_name="source",
            name="expected_interval",
            field=models.FloatField(
                blank=True,
                help_text="Seconds between two sendings. Empty: learned from what it sends.",
                null=True,
                validators=[django.core.validators.MinValueValidator(0.001)],
            ),
        ),
    ]
