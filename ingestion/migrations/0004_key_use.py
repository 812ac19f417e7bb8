from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("ingestion", "0003_failing_source"),
    ]

    operations = [
        migrations.AddField(
            model_name="key",
            name="created_by",
            field=models.CharField(blank=True, db_default="", default="", editable=False, max_length=200),
        ),
        migrations.AddField(
            model_name="key",
            name="last_used_at",
            field=models.DateTimeField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name="key",
            name="secret_id",
            field=models.CharField(db_default="", default="", editable=False, max_length=8),
        ),
    ]
